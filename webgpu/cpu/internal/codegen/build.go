// Package codegen turns printed kernels into machine code that Go carries
// without cgo: it compiles the C text of webgpu/clang for each processor,
// links it into one flat, position-independent image, and writes that as Go
// assembly with a table of its functions.
//
// It owns the compiler's version and flags and the form of the generated
// files. It refuses to know how the code is called.
package codegen

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The pinned tools. Another version compiles other bytes.
const (
	Clang = "clang-16"
	LLD   = "ld.lld-16"
)

// Target is a processor family that has an image.
type Target struct {
	Name  string // "avx512": in file names
	Ident string // "AVX512": in identifiers
	Arch  string // GOARCH
	flags []string
}

// Targets lists all images.
var Targets = []Target{
	{"avx512", "AVX512", "amd64", []string{"--target=x86_64-unknown-none-elf", "-march=x86-64-v4", "-mavx512vnni", "-mprefer-vector-width=512", "-mno-red-zone"}},
	{"avx2", "AVX2", "amd64", []string{"--target=x86_64-unknown-none-elf", "-march=x86-64-v3", "-mno-red-zone"}},
	// x28 is Go's g, which its signal handler reads at any moment; x18
	// belongs to the system on darwin and windows. The tiny code model
	// reaches constants without page addresses, which depend on where the
	// image lies.
	{"neon", "NEON", "arm64", []string{"--target=aarch64-unknown-none-elf", "-march=armv8-a", "-mcmodel=tiny", "-ffixed-x18", "-ffixed-x28"}},
	{"dotprod", "DotProd", "arm64", []string{"--target=aarch64-unknown-none-elf", "-march=armv8.2-a+dotprod", "-mcmodel=tiny", "-ffixed-x18", "-ffixed-x28"}},
}

var flags = []string{
	"-std=c11", "-O2", "-ffreestanding", "-fno-builtin", "-fwrapv", "-fno-math-errno", "-ffp-contract=off",
	"-fPIE", "-fvisibility=hidden", "-fno-stack-protector", "-fno-jump-tables", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
	"-fno-ident", "-Wframe-larger-than=32768", "-Wall", "-Wno-unused", "-Wno-pass-failed", "-Werror",
}

// Image is linked machine code that runs wherever it lies at a multiple of 64
// bytes.
type Image struct {
	Code    []byte
	Entries []Entry
}

// Entry is a function of an image.
type Entry struct {
	Name   string
	Offset int
}

// Available reports whether the pinned tools are installed.
func Available() error {
	for _, tool := range []string{Clang, LLD} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("codegen: %w", err)
		}
	}
	return nil
}

// Build compiles source for t. Every function of names must be in it.
func Build(ctx context.Context, t Target, source []byte, names []string) (*Image, error) {
	dir, err := os.MkdirTemp("", "codegen")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "kernels.c"), source, 0o600); err != nil {
		return nil, err
	}
	run := func(name string, args ...string) error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("codegen: %s for %s: %w\n%s", name, t.Name, err, out)
		}
		return nil
	}
	if err := run(Clang, slices.Concat(t.flags, flags, []string{"-c", "kernels.c", "-o", "kernels.o"})...); err != nil {
		return nil, err
	}
	// Linking twice, at different places, shows whether any byte depends on
	// the place.
	var images [2]*Image
	for i, base := range []string{"0", "0x3456c0"} {
		script := fmt.Sprintf(linkerScript, base)
		if err := os.WriteFile(filepath.Join(dir, "link.ld"), []byte(script), 0o600); err != nil {
			return nil, err
		}
		if err := run(LLD, "-T", "link.ld", "--no-undefined", "--no-dynamic-linker", "-o", "kernels.elf", "kernels.o"); err != nil {
			return nil, err
		}
		if images[i], err = read(filepath.Join(dir, "kernels.elf"), names); err != nil {
			return nil, fmt.Errorf("codegen: %s: %w", t.Name, err)
		}
	}
	if !bytes.Equal(images[0].Code, images[1].Code) {
		return nil, fmt.Errorf("codegen: %s: the image depends on its address", t.Name)
	}
	return images[0], nil
}

// linkerScript puts code and constants into one section and refuses anything
// that would have to be written or relocated when loaded.
const linkerScript = `
SECTIONS {
	. = %s;
	.image : ALIGN(64) { *(.text .text.*) . = ALIGN(64); *(.rodata .rodata.*) . = ALIGN(64); }
	.refused : { *(.data .data.* .bss .bss.* COMMON .got .got.* .init_array .tdata .tbss) }
	/DISCARD/ : { *(.comment) *(.note.*) *(.eh_frame*) *(.llvm_addrsig) *(.ARM.*) }
}
ASSERT(SIZEOF(.refused) == 0, "writable or relocated data")
`

func read(path string, names []string) (*Image, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := f.Section(".image")
	if s == nil {
		return nil, errors.New("no .image section")
	}
	for _, o := range f.Sections {
		if o.Type == elf.SHT_RELA || o.Type == elf.SHT_REL || o.Type == elf.SHT_DYNAMIC {
			return nil, fmt.Errorf("section %s needs relocation", o.Name)
		}
	}
	img := &Image{}
	if img.Code, err = s.Data(); err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	for _, sym := range symbols {
		if slices.Contains(names, sym.Name) {
			img.Entries = append(img.Entries, Entry{sym.Name, int(sym.Value - s.Addr)})
		}
	}
	slices.SortFunc(img.Entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	if len(img.Entries) != len(names) {
		return nil, fmt.Errorf("%d of %d functions are in the image", len(img.Entries), len(names))
	}
	return img, nil
}
