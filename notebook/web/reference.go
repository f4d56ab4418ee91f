// Package web holds the pages that the notebook shows to people. A page is one
// HTML document that needs nothing else: no script, no font and no style sheet
// is fetched, so it works offline and under any content security policy that
// allows inline styles.
package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

//go:embed reference.gohtml
var referenceSource string

// referenceTemplate is parsed once; templates are safe for concurrent use.
var referenceTemplate = template.Must(template.New("reference").Parse(referenceSource))

// Reference renders the page that lists the operations of an OpenAPI 3.1
// document, given as JSON, and the schemas that they use. The order of what it
// lists depends on the document alone. The error says which part of the
// document could not be read.
func Reference(openapi []byte) ([]byte, error) {
	var d document
	if err := d.decode(openapi); err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := referenceTemplate.Execute(&page, view(&d)); err != nil {
		return nil, fmt.Errorf("render API reference: %w", err)
	}
	return page.Bytes(), nil
}

// The types below are what the template sees.
type (
	pageView struct {
		Title, Version, Description string
		Groups                      []groupView
		Schemas                     []schemaView
	}
	groupView struct {
		Name, Anchor, Description string
		Operations                []operationView
	}
	operationView struct {
		Method, Path, Anchor, Summary, Description string
		Token, Deprecated                          bool
		Parameters                                 []fieldView
		Bodies                                     []bodyView
		Responses                                  []responseView
	}
	bodyView struct {
		MediaType, Kind, Ref string
		Fields               []fieldView
	}
	responseView struct{ Status, Description, Kind, Ref string }
	schemaView   struct {
		Name, Kind, Description string
		Fields                  []fieldView
	}
	fieldView struct {
		Name, In, Kind, Ref, Limits, Description string
		Required                                 bool
	}
)

func view(d *document) pageView {
	page := pageView{Title: d.Info.Title, Version: d.Info.Version, Description: d.Info.Description}
	groups := make(map[string]*groupView)
	order := make([]string, 0, len(d.Tags))
	for _, t := range d.Tags {
		groups[t.Name] = &groupView{Name: t.Name, Description: t.Description}
		order = append(order, t.Name)
	}
	for _, path := range sortedKeys(d.Paths) {
		for _, method := range methods {
			o, ok := d.Paths[path][method]
			if !ok {
				continue
			}
			name := "other"
			if len(o.Tags) > 0 {
				name = o.Tags[0]
			}
			if groups[name] == nil {
				groups[name] = &groupView{Name: name}
				order = append(order, name)
			}
			g := groups[name]
			g.Operations = append(g.Operations, d.operation(method, path, o))
		}
	}
	for _, name := range order {
		if g := groups[name]; len(g.Operations) > 0 {
			g.Anchor = anchor("group", name)
			page.Groups = append(page.Groups, *g)
		}
	}
	for _, name := range sortedKeys(d.Components.Schemas) {
		s := d.Components.Schemas[name]
		kind, _ := s.kind()
		page.Schemas = append(page.Schemas, schemaView{Name: name, Kind: kind, Description: s.Description, Fields: fields(s)})
	}
	return page
}

func (d *document) operation(method, path string, o operation) operationView {
	v := operationView{
		Method: strings.ToUpper(method), Path: path, Anchor: anchor(method, path),
		Summary: o.Summary, Description: o.Description, Deprecated: o.Deprecated,
	}
	security := d.Security
	if o.Security != nil {
		security = *o.Security
	}
	// An empty requirement among several says that nobody needs to log in.
	v.Token = len(security) > 0 && !slices.ContainsFunc(security, func(r map[string][]string) bool { return len(r) == 0 })
	for _, p := range o.Parameters {
		kind, ref := p.Schema.kind()
		v.Parameters = append(v.Parameters, fieldView{
			Name: p.Name, In: p.In, Kind: kind, Ref: ref, Limits: p.Schema.limits(),
			Description: firstNonEmpty(p.Description, d.resolve(p.Schema).Description), Required: p.Required,
		})
	}
	if o.RequestBody != nil {
		for _, mt := range sortedKeys(o.RequestBody.Content) {
			s := o.RequestBody.Content[mt].Schema
			kind, ref := s.kind()
			v.Bodies = append(v.Bodies, bodyView{MediaType: mt, Kind: kind, Ref: ref, Fields: fields(d.resolve(s))})
		}
	}
	for _, status := range sortedKeys(o.Responses) {
		r := o.Responses[status]
		line := responseView{Status: status, Description: r.Description}
		for _, mt := range sortedKeys(r.Content) {
			if s := r.Content[mt].Schema; s != nil {
				line.Kind, line.Ref = s.kind()
				break
			}
		}
		v.Responses = append(v.Responses, line)
	}
	return v
}

// fields lists the properties of an object schema, the required ones first.
func fields(s *schema) []fieldView {
	var required, optional []fieldView
	for _, name := range sortedKeys(s.Properties) {
		if name == "$schema" {
			continue
		}
		p := s.Properties[name]
		kind, ref := p.kind()
		f := fieldView{Name: name, Kind: kind, Ref: ref, Limits: p.limits(), Description: p.Description}
		if f.Required = slices.Contains(s.Required, name); f.Required {
			required = append(required, f)
		} else {
			optional = append(optional, f)
		}
	}
	return append(required, optional...)
}

// anchor is a fragment that stays the same as long as the path does.
func anchor(kind, name string) string {
	return kind + strings.NewReplacer("/", "-", "{", "", "}", "", " ", "-").Replace("-"+strings.TrimPrefix(name, "/"))
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
