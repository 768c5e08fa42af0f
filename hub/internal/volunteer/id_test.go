package volunteer

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTextRoundTrip(t *testing.T) {
	id := ID{1, 2, 0xfe}
	data, err := json.Marshal(map[ID]int{id: 7})
	if err != nil {
		t.Fatal(err)
	}
	var back map[ID]int
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back[id] != 7 {
		t.Errorf("round trip of %s lost the key: %v", data, back)
	}
	if got, want := id.Short(), "0102fe00"; got != want {
		t.Errorf("Short() = %q, want %q", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"empty":     "",
		"short":     strings.Repeat("ab", 31),
		"long":      strings.Repeat("ab", 33),
		"not a hex": strings.Repeat("zz", 32),
	} {
		t.Run(name, func(t *testing.T) {
			if id, err := Parse(s); err == nil {
				t.Errorf("Parse(%q) = %s, want an error", s, id)
			}
		})
	}
}
