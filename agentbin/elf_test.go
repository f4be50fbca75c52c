package agentbin

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// elfFile writes the head of a 64-bit program, with an interpreter if it is dynamic.
func elfFile(t *testing.T, change func(*elf.Header64), dynamic bool) string {
	t.Helper()
	h := elf.Header64{Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Phentsize: 56}
	if dynamic {
		h.Phoff, h.Phnum = 64, 1
	}
	if change != nil {
		change(&h)
	}
	var b bytes.Buffer
	require.NoError(t, binary.Write(&b, binary.LittleEndian, h))
	if dynamic {
		require.NoError(t, binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_INTERP)}))
	}
	return file(t, b.String())
}

func TestOnlyStaticProgramsOfTheEngine(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	self, err := os.Executable()
	require.NoError(t, err)
	cases := []struct{ name, path, why string }{
		{"missing", filepath.Join(t.TempDir(), "none"), "no such file or directory"},
		{"folder", t.TempDir(), "it is a folder"},
		{"fifo", fifo, "it is no regular file"},
		{"device", "/dev/null", "it is no regular file"},
		{"empty", file(t, ""), "it is no whole ELF binary"},
		{"text", file(t, "#!/bin/sh\nexit 0 # and more text than the head of an ELF file has, so that there is one to be read\n"), "it is no ELF binary"},
		{"cut", file(t, "\x7fELF\x02\x01\x01"), "it is no whole ELF binary"},
		{"object", elfFile(t, func(h *elf.Header64) { h.Type = uint16(elf.ET_REL) }, false), "it is no program"},
		{"freebsd", elfFile(t, func(h *elf.Header64) { h.Ident[elf.EI_OSABI] = byte(elf.ELFOSABI_FREEBSD) }, false), "it is not built for linux"},
		{"arm64", elfFile(t, func(h *elf.Header64) { h.Machine = uint16(elf.EM_AARCH64) }, false), "it is built for arm64, not for amd64"},
		{"sparc", elfFile(t, func(h *elf.Header64) { h.Machine = uint16(elf.EM_SPARCV9) }, false), "it is built for EM_SPARCV9, not for amd64"},
		{"dynamic", elfFile(t, nil, true), "it is dynamically linked"},
		{"static", elfFile(t, nil, false), "it is not schism's: no Go program"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.EqualError(t, checkAgent(c.path, "linux", "amd64"), c.why) })
	}
	require.NoError(t, checkStatic(elfFile(t, nil, false), "linux", "amd64"))
	info, err := buildinfo.ReadFile(self)
	require.NoError(t, err)
	require.EqualError(t, isAgent(info), "it is not schism's, but "+info.Path)
	require.NoError(t, isAgent(&buildinfo.BuildInfo{Path: agentPackage}))
	require.NoError(t, isAgent(&buildinfo.BuildInfo{Path: commandPackage}))
	tagged := &buildinfo.BuildInfo{Path: commandPackage, Settings: []debug.BuildSetting{{Key: "-tags", Value: "other,schism_agents"}}}
	require.EqualError(t, isAgent(tagged), "it carries its agents inside, and is none itself")
}
