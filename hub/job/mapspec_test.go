package job

import "testing"

func TestParseBytes(t *testing.T) {
	tests := []struct {
		in, out string // what String returns; empty: an error
		want    Bytes
	}{
		{"0", "0B", 0}, {"1", "1B", 1}, {"1000", "1000B", 1000}, {"65536", "64KiB", 64 << 10}, {"64KiB", "64KiB", 64 << 10},
		{"1024KiB", "1MiB", 1 << 20}, {"3GiB", "3GiB", 3 << 30}, {"12B", "12B", 12}, {"4611686018427387904", "4294967296GiB", 1 << 62},
		{"", "", 0}, {"KiB", "", 0}, {"B", "", 0}, {"-1", "", 0}, {"1.5MiB", "", 0}, {"1 MiB", "", 0}, {"1mib", "", 0}, {"1MB", "", 0},
		{"4611686018427387905", "", 0}, {"4294967297GiB", "", 0}, {"99999999999999999999", "", 0}, {"1KiBB", "", 0},
	}
	for _, tt := range tests {
		got, err := ParseBytes(tt.in)
		if (err == nil) != (tt.out != "") || got != tt.want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", tt.in, got, err, tt.want)
		}
		if err == nil && got.String() != tt.out {
			t.Errorf("%d is written %s, want %s", got, got, tt.out)
		}
	}
}
