package dialect

import "strings"

// scalarFunctions are SQLite's own functions whose result depends on their
// arguments alone. Aggregates are not among them, and nothing that may read the
// clock: 'now' can hide in an argument of any of the timeFunctions. Functions that not
// every SQLite has are left out, because an application may give their names to
// functions of its own.
var scalarFunctions = names(`
	abs acos acosh asin asinh atan atan2 atanh bm25 ceil ceiling char coalesce concat concat_ws cos cosh degrees exp
	floor format glob hex highlight if ifnull iif instr json json_array json_array_insert json_array_length
	json_error_position json_extract json_insert json_object json_patch json_pretty json_quote json_remove json_replace
	json_set json_type json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract jsonb_insert jsonb_object
	jsonb_patch jsonb_remove jsonb_replace jsonb_set length like likelihood likely ln log log10 log2 lower ltrim match
	mod nullif octet_length pi pow power printf quote radians replace round rtrim sign sin sinh
	snippet soundex sqlite_compileoption_get sqlite_compileoption_used sqlite_source_id sqlite_version sqrt substr
	substring subtype tan tanh trim trunc typeof unhex unicode unistr unistr_quote unlikely upper zeroblob -> ->>`)

// aggregateFunctions are SQLite's own aggregate and window functions. Their
// result depends on the rows, and for most of them on the order of the rows.
var aggregateFunctions = names(`
	avg count cume_dist dense_rank first_value group_concat json_group_array json_group_object jsonb_group_array
	jsonb_group_object lag last_value lead max min nth_value ntile percent_rank rank row_number string_agg sum total`)

// names returns the set of the words in a text.
func names(list string) map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(list) {
		set[name] = true
	}
	return set
}
