package notebook

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// The file that a persona card consists of.
const (
	BotConfigName    = "bot_config.toml"
	MaxBotConfigSize = 5 << 20 // bytes
)

// checkBotConfigName returns nil if a persona card may contain a file of this
// name.
func checkBotConfigName(name string) error {
	if strings.ToLower(path.Ext(name)) != ".toml" {
		return ErrFileType.Of(TargetPersona).With("filename", name)
	}
	if name != BotConfigName {
		return ErrFileName.Of(TargetPersona).With("filename", name)
	}
	return nil
}

// BotConfigVersion returns the version that a bot_config.toml declares: at the
// top, in a table named meta or card, or as a key named version anywhere,
// nearest to the top first.
func BotConfigVersion(data []byte) (string, error) {
	if len(data) > MaxBotConfigSize {
		return "", ErrFileSize.Of(TargetPersona)
	}
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return "", ErrConfigSyntax
	}
	tables := []any{doc, doc["meta"], doc["Meta"], doc["card"], doc["Card"]}
	for _, t := range tables {
		table, _ := t.(map[string]any)
		for _, key := range []string{"version", "Version", "schema_version", "card_version"} {
			if v := versionString(table[key]); v != "" {
				return v, nil
			}
		}
	}
	if v := findVersion(doc); v != "" {
		return v, nil
	}
	return "", ErrConfigVersion
}

// findVersion searches breadth first, in the order of the keys, so that the
// same file always has the same version.
func findVersion(doc any) string {
	for queue := []any{doc}; len(queue) > 0; queue = queue[1:] {
		switch node := queue[0].(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(node)) {
				if strings.EqualFold(key, "version") {
					if v := versionString(node[key]); v != "" {
						return v
					}
				}
				queue = append(queue, node[key])
			}
		case []any:
			queue = append(queue, node...)
		}
	}
	return ""
}

func versionString(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0" // 1.0 in the file is "1.0" to its reader
		}
		return s
	}
	return ""
}
