package notebook

import (
	_ "embed" // of the dictionary of our own
	"encoding/json"
	"fmt"
)

// MaxDictionarySize bounds the file that a Dictionary is read from, in bytes.
const MaxDictionarySize = 4 << 20

// A Dictionary says what front ends show for the words of a bot_config.toml.
type Dictionary struct {
	Blocks map[string]any // by the name of a section
	Tokens map[string]any // by the word
}

//go:embed dictionary.json
var builtInDictionary []byte

// ParseDictionary reads {"blocks": {…}, "tokens": {…}}. What is left out is empty.
// In the place of a file that is not there (nil) stands a dictionary of our own.
func ParseDictionary(data []byte) (Dictionary, error) {
	if data == nil {
		data = builtInDictionary
	}
	var d Dictionary
	if err := json.Unmarshal(data, &d); err != nil {
		return Dictionary{}, fmt.Errorf("the dictionary is malformed: %w", err)
	}
	if d.Blocks == nil {
		d.Blocks = map[string]any{}
	}
	if d.Tokens == nil {
		d.Tokens = map[string]any{}
	}
	return d, nil
}
