package unstale

import (
	"strings"

	"github.com/unstale/unstale/internal/rfc9111"
)

// remedies say, by the reason why an answer is not stored or was no hit, what would
// change that, in a clause. A reason whose remedy is "" is no fault of the service.
var remedies = map[string]string{
	// What the code inside does.
	refusedNoStore:    "do not call NoStore where the answer may be kept",
	refusedWrote:      "move the write out of the GET, or do it seldom: a session's last use need not be written each time",
	refusedUntracked:  "give every statement the request's context, and those of background jobs that of Outside",
	refusedNear:       "give writes of background jobs the context of Outside, and those of requests the request's",
	refusedUnread:     "close rows before the handler returns",
	refusedUnknown:    "read with the request's context through a *sql.DB that the cache knows, or set Options.AttributeByGoroutine where goroutines that the handler starts read without; say what else it is made of by DependOn, or give the route a Policy.TTL",
	refusedExpired:    "give ExpireAt a time that is still to come",
	refusedContext:    "name the key in Options.NeutralContextKeys if no answer depends on its value, or ask Identity",
	refusedIdentity:   "let HandlerOptions.Identity answer without an error",
	refusedLeft:       "",
	refusedTooMany:    "read fewer rows by key",
	refusedTooLarge:   "raise Options.MaxBody",
	refusedStreamed:   "do not flush, hijack or send trailers, or switch the route off",
	refusedIncomplete: "write as many bytes as Content-Length says",
	refusedFailed:     "let the function given to Load return no error",
	refusedPanicked:   "mend what panics",
	refusedOtherCache: "use one cache for all that an answer is made of",
	refusedHidden:     "ask Identity and do not name a credential in Vary, or name it in HandlerOptions.ByCredentials",
	refusedRenewed:    "send the cookie only when something in it changes: each of its values is a credential of its own",
	refusedClosed:     "keep the database open as long as the service answers",

	// What the answer says.
	rfc9111.ReasonStatus:        "answer with a status that may be stored; errors may be where Policy.StoreErrors is set and they bound their life",
	rfc9111.ReasonFreshness:     "give this status a lifetime: Cache-Control: max-age",
	rfc9111.ReasonMalformed:     "mend the answer's Cache-Control",
	rfc9111.ReasonNoStore:       "do not say no-store: what is stored here is never stale",
	rfc9111.ReasonPrivate:       "do not say private: ask Identity, and the answer is kept for whoever asks",
	rfc9111.ReasonNoCache:       "do not say no-cache: what is stored here is never stale, and clients ask again by themselves",
	rfc9111.ReasonSetCookie:     "set cookies where they change only, in answers to other methods than GET, or name them in Policy.DropSetCookie",
	rfc9111.ReasonVary:          "name in Vary the fields that the answer depends on",
	rfc9111.ReasonAuthorization: "ask Identity",
	rfc9111.ReasonTrailer:       "send fields before the body",

	// What a statement reads, in words of adapters.
	"volatile function": "give the time as an argument, and say ExpireAt if the answer goes by it",
	"unknown table":     "read tables of the database's own schema",
	"natural join or using that cannot be parsed": "name the columns of the join in ON",
	"other database":                    "read tables of the main database",
	"not a query":                       "read by SELECT",
	"several statements":                "run one statement at a time",
	"explain":                           "",
	"cannot be analysed":                "mend the statement, or spell it in a simpler way",
	"statement too long":                "use parameters instead of long texts",
	"reads its own writes":              "do not write in a GET",
	"failed read":                       "mend the statement that fails, or handle its rows' error",
	"write that returns rows":           "give the statement the request's context",
	"past the adapter":                  "read through the *sql.DB, not through what Unwrap gives",
	"database closed":                   "keep the database open as long as the service answers",
	"file replaced":                     "open the database anew: its file is another one",
	"connection with pragma":            "give the setting to every connection by the data source name",
	"connection with attached database": "read from the main database on a connection of its own",
	"connection with temporary objects": "do not use temporary tables on connections that GETs read with",

	// Why a statement that made an answer fall depends on more than its text says, in words
	// of the analysis.
	"no total order":                "end ORDER BY with a unique column",
	"condition that is no equality": "select by = or IN where you can: other conditions leave all rows in, of those that equalities select",
	"or":                            "write OR of one column as IN, and of two as two queries",
	"affinity or collation":         "compare a column with values of its own type, by its own collation",
	"argument of another type":      "pass arguments of the type of their column",
	"join on columns that are not in the result":  "select the columns that the join goes by, or declare the foreign key",
	"limit by an order that is not in the result": "select the column that ORDER BY begins with",
	"using, natural, right or full join":          "write the join as ON, or as LEFT JOIN",
	"outer aggregate":                             "move the aggregate into the query that it counts in",
	"tables differ":                               "spell the statement in a simpler way",
	"parse failed":                                "spell the statement in a simpler way",
	"syntax":                                      "spell the statement in a simpler way",
	"virtual table":                               "select rows by id where you can: what a virtual table finds is not followed",
	"configured":                                  "leave Config.Precision at PrecisionExact",
	"foreign keys not proven":                     "mend the rows that PRAGMA foreign_key_check names, and write with foreign keys enforced",
	"too many joined rows":                        "select what the join goes by, or join fewer rows",
	"too many rows to follow":                     "show fewer rows at a time",
	"rows that nobody follows":                    "read rows to their end",
	"too many lists of columns of a table":        "read fewer lists of columns of one table",
	"too many kinds of statements on a table":     "use fewer combinations of columns in conditions",

	// Why what was stored could not be served.
	string(missUnknown):  "",
	string(missRequest):  "",
	string(missInFlux):   "",
	string(missVariant):  "check that the answer depends on all that selects it: Cache.Explain names it",
	string(missIdentity): "ask Identity only where the answer depends on who asks",
	string(missExpired):  "give a longer lifetime: what is stored is never stale for that",
	string(missChanged):  "", // the rows were written, or one of the statements below read too many
	string(missFloor):    "Stats.Invalidations has the causes; schemas change best while nobody asks",
	string(missPattern):  "Invalidate by Tag or Key instead of by Pattern",
	string(missOutside):  "set fields outside of the cache to values that do not change",
	string(missPass):     "do not flush, hijack or send trailers, or switch the route off",
	string(missLate):     "raise Options.LookWait, or let the source answer sooner",
	string(missFailed):   "let the source answer",
}

// remedyFor returns what would change that answers are kept out of the cache, or
// that what was stored is not served, for a reason. It is "" where that is no
// fault of the service.
func remedyFor(reason string) string {
	reason = strings.TrimPrefix(reason, bypassUnstored)
	for words := reason; words != ""; {
		if remedy, ok := remedies[words]; ok {
			return remedy
		}
		words = words[:max(strings.LastIndexByte(words, ' '), 0)] // an adapter may add a name
	}
	return "docs/adopting.md says what keeps answers out of the cache"
}
