package notebook

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// The file that a persona card consists of.
const (
	BotConfigName    = "bot_config.toml"
	MaxBotConfigSize = 256 << 10 // bytes
)

// What decoding a bot_config.toml may cost: the time grows with the square of the
// number of keys, and each part of a dotted key is a table.
const (
	maxConfigKeys  = 2000 // parts of dotted keys count as keys
	maxConfigDepth = 16   // parts of a dotted key
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
// nearest to the top first. It fails with ErrFileSize or ErrConfigKeys, before
// anything costly, where the file is more than a configuration.
func BotConfigVersion(data []byte) (string, error) {
	if len(data) > MaxBotConfigSize {
		return "", ErrFileSize.Of(TargetPersona)
	}
	if err := checkConfigKeys(data); err != nil {
		return "", err
	}
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return "", ErrConfigSyntax
	}
	version := declaredVersion(doc)
	if version == "" {
		return "", ErrConfigVersion
	}
	if err := checkLength("version", &version, maxVersion); err != nil {
		return "", err
	}
	return version, nil
}

func declaredVersion(doc map[string]any) string {
	tables := []any{doc, doc["meta"], doc["Meta"], doc["card"], doc["Card"]}
	for _, t := range tables {
		table, _ := t.(map[string]any)
		for _, key := range []string{"version", "Version", "schema_version", "card_version"} {
			if v := versionString(table[key]); v != "" {
				return v
			}
		}
	}
	return findVersion(doc)
}

// checkConfigKeys returns nil if the keys are few enough. It goes through the
// expressions of the file once, and stops where decoding would find the syntax
// wrong.
func checkConfigKeys(data []byte) error {
	var p unstable.Parser
	left := maxConfigKeys
	for p.Reset(data); p.NextExpression(); {
		for nodes := []*unstable.Node{p.Expression()}; len(nodes) > 0; {
			node := nodes[len(nodes)-1]
			nodes = nodes[:len(nodes)-1]
			parts := 0
			for children := node.Children(); children.Next(); {
				if child := children.Node(); child.Kind == unstable.Key {
					parts++
				} else {
					nodes = append(nodes, child)
				}
			}
			if left -= parts; left < 0 || parts > maxConfigDepth {
				return ErrConfigKeys
			}
		}
	}
	if p.Error() != nil {
		return ErrConfigSyntax
	}
	return nil
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
