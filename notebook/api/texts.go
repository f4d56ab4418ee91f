package api

import (
	"encoding/json"
	"reflect"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
)

// onlyUTF8 is JSON as RFC 8259 wants it: in UTF-8. The decoder would put other
// characters in place of what is not.
var onlyUTF8 = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalUTF8}

func unmarshalUTF8(data []byte, v any) error {
	if !utf8.Valid(data) {
		return server.ErrBody
	}
	return json.Unmarshal(data, v)
}

// checkTexts returns nil if all texts of an input are texts, whatever field they are
// in, and whether or not anybody is going to look at them.
func checkTexts(v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		return notebook.CheckText(v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return checkTexts(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); !f.IsExported() && !f.Anonymous {
				continue
			}
			if err := checkTexts(v.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil // bytes are no text
		}
		for i := range v.Len() {
			if err := checkTexts(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			if err := checkTexts(key); err != nil {
				return err
			}
			if err := checkTexts(value); err != nil {
				return err
			}
		}
	}
	return nil
}
