package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// document is the part of an OpenAPI 3.1 document that the page shows.
type document struct {
	Info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	} `json:"info"`
	Tags []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tags"`
	Security   []map[string][]string           `json:"security"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Summary     string                 `json:"summary"`
	Description string                 `json:"description"`
	Tags        []string               `json:"tags"`
	Deprecated  bool                   `json:"deprecated"`
	Security    *[]map[string][]string `json:"security"` // nil: as the document says
	Parameters  []parameter            `json:"parameters"`
	RequestBody *struct {
		Required bool                 `json:"required"`
		Content  map[string]mediaType `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string               `json:"description"`
		Content     map[string]mediaType `json:"content"`
	} `json:"responses"`
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Required    bool    `json:"required"`
	Schema      *schema `json:"schema"`
}

type mediaType struct {
	Schema *schema `json:"schema"`
}

type schema struct {
	Ref         string             `json:"$ref"`
	Type        typeNames          `json:"type"`
	Format      string             `json:"format"`
	Description string             `json:"description"`
	Enum        []any              `json:"enum"`
	Default     any                `json:"default"`
	Minimum     *json.Number       `json:"minimum"`
	Maximum     *json.Number       `json:"maximum"`
	MinLength   *int               `json:"minLength"`
	MaxLength   *int               `json:"maxLength"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
	OneOf       []*schema          `json:"oneOf"`
	AnyOf       []*schema          `json:"anyOf"`
	AllOf       []*schema          `json:"allOf"`
}

// typeNames is the value of the keyword "type": one name or a list of them.
type typeNames []string

func (t *typeNames) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return json.Unmarshal(b, (*[]string)(t))
	}
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return err
	}
	*t = typeNames{name}
	return nil
}

// methods is the order in which the operations of one path appear. Other keys
// of a path item ("parameters", "summary") are no operations.
var methods = []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"}

// decode leaves alone whatever a path item holds besides operations.
func (d *document) decode(data []byte) error {
	type plain document
	raw := struct {
		*plain
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}{plain: (*plain)(d)}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&raw); err != nil {
		return fmt.Errorf("read OpenAPI document: %w", err)
	}
	d.Paths = make(map[string]map[string]operation, len(raw.Paths))
	for path, item := range raw.Paths {
		d.Paths[path] = make(map[string]operation)
		for method, body := range item {
			if !slices.Contains(methods, method) {
				continue
			}
			var o operation
			if err := json.Unmarshal(body, &o); err != nil {
				return fmt.Errorf("read OpenAPI document: %s %s: %w", strings.ToUpper(method), path, err)
			}
			d.Paths[path][method] = o
		}
	}
	return nil
}

// resolve follows a reference to a schema of the document. An unknown one is an
// empty schema: the page shows its name all the same.
func (d *document) resolve(s *schema) *schema {
	for range 8 { // a document may refer in a circle
		if s == nil || s.Ref == "" {
			break
		}
		s = d.Components.Schemas[refName(s.Ref)]
	}
	if s == nil {
		return &schema{}
	}
	return s
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// kind says in words what a schema allows, with the names of the schemas that
// it refers to, which the page links.
func (s *schema) kind() (words, ref string) {
	switch {
	case s == nil:
		return "any", ""
	case s.Ref != "":
		return refName(s.Ref), refName(s.Ref)
	case len(s.OneOf) > 0:
		return alternatives(s.OneOf), ""
	case len(s.AnyOf) > 0:
		return alternatives(s.AnyOf), ""
	case len(s.AllOf) == 1:
		return s.AllOf[0].kind()
	}
	types := slices.DeleteFunc(slices.Clone(s.Type), func(t string) bool { return t == "null" })
	words = strings.Join(types, " or ")
	if words == "" {
		words = "any"
	}
	if slices.Contains(types, "array") && s.Items != nil {
		inner, r := s.Items.kind()
		words, ref = "array of "+inner, r
	}
	if s.Format != "" {
		words += " (" + s.Format + ")"
	}
	if len(types) < len(s.Type) {
		words += " or null"
	}
	return words, ref
}

func alternatives(list []*schema) string {
	var words []string
	for _, s := range list {
		w, _ := s.kind()
		words = append(words, w)
	}
	return strings.Join(words, " or ")
}

// limits says in words what restricts a value of the schema.
func (s *schema) limits() string {
	if s == nil {
		return ""
	}
	var out []string
	add := func(format string, v any) { out = append(out, fmt.Sprintf(format, v)) }
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Minimum != nil {
		add("≥ %s", *s.Minimum)
	}
	if s.Maximum != nil {
		add("≤ %s", *s.Maximum)
	}
	if s.MinLength != nil {
		add("at least %d characters", *s.MinLength)
	}
	if s.MaxLength != nil {
		add("at most %d characters", *s.MaxLength)
	}
	if s.Default != nil {
		add("default %v", s.Default)
	}
	return strings.Join(out, ", ")
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := slices.Collect(maps.Keys(m))
	sort.Strings(keys)
	return keys
}
