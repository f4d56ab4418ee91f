package api

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// What every example says of ids and times.
const exampleID = "3e8e7bb6-5d0c-4c57-9d1e-2a4f8b6c7d10"

var (
	failureType = reflect.TypeFor[failure]()
	exampleTime = time.Date(2026, time.February, 24, 12, 0, 0, 0, time.UTC)
)

// exampleTexts returns an example for fields that say the same wherever they
// stand. A field whose tag names an example has that one instead.
func exampleTexts() map[string]string {
	return map[string]string{
		"message": "操作成功", "name": "麦麦", "title": "麦麦", "description": "温柔的聊天伙伴", "content": "补充说明", "tags": "猫,温柔",
		"username": "maimai", "author": "maimai", "uploader": "maimai", "copyright_owner": "maimai", "uploader_id": exampleID,
		"email": "mai@example.com", "password": "secret12", "current_password": "secret12", "new_password": "better34", "confirm_password": "better34",
		"verification_code": "123456", "reason": "内容不完整", "rejection_reason": "内容不完整", "mute_reason": "广告", "ban_reason": "广告",
		"file_name": "bot_config.toml", "original_name": "bot_config.toml", "file_type": ".toml", "base_path": "files", "version": "1.0",
		"token_type": "bearer", "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.signature", "refresh_token": "eyJhbGciOiJIUzI1NiJ9.e30.signature",
		"avatar_url": "/uploads/avatars/mai.png", "openapi": "/openapi.json", "docs": "/docs",
		"Cache-Control": "no-store", "Content-Type": "application/octet-stream",
	}
}

// maxExampleDepth bounds examples of schemas that refer in a circle.
const maxExampleDepth = 8

// example returns a value that fits the schema, named as the field or parameter
// it is for.
func (d documenter) example(s *huma.Schema, name string, depth int) any {
	if s.Ref != "" {
		s = d.registry.SchemaFromRef(s.Ref)
	}
	switch {
	case s == nil || depth > maxExampleDepth:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return d.example(s.OneOf[0], name, depth+1)
	}
	switch s.Type {
	case huma.TypeObject:
		return d.exampleObject(s, depth)
	case huma.TypeArray:
		return []any{d.example(s.Items, strings.TrimSuffix(name, "s"), depth+1)}
	case huma.TypeString:
		return exampleText(s, name)
	case huma.TypeInteger:
		if s.Minimum != nil {
			return int(*s.Minimum)
		}
		return 1
	case huma.TypeNumber:
		return 0.5
	case huma.TypeBoolean:
		return true
	}
	return map[string]any{}
}

func (d documenter) exampleObject(s *huma.Schema, depth int) any {
	object := map[string]any{}
	for name, p := range s.Properties {
		object[name] = d.example(p, name, depth+1)
	}
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		object["name"] = d.example(more, "", depth+1)
	}
	if s.Nullable && len(object) == 0 {
		return nil
	}
	return object
}

func exampleText(s *huma.Schema, name string) string {
	switch s.Format {
	case "date-time":
		return exampleTime.Format(time.RFC3339)
	case "binary":
		return "…"
	}
	if text, ok := exampleTexts()[name]; ok {
		return text
	}
	if name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "Id") {
		return exampleID
	}
	text := "…"
	if s.MinLength != nil && *s.MinLength > 1 {
		text = strings.Repeat("x", *s.MinLength)
	}
	return text
}
