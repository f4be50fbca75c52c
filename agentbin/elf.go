package agentbin

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// machines are the CPUs that a container engine may have, as Go calls them.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm",
	elf.EM_RISCV: "riscv64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_LOONGARCH: "loong64",
}

// checkAgent says why a file cannot be the agent in any image of the OS and CPU.
func checkAgent(path, goos, goarch string) error {
	if err := checkStatic(path, goos, goarch); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return errors.New("it is not schism's: no Go program")
	}
	return isAgent(info)
}

// isAgent says why a Go program cannot act as the agent.
func isAgent(info *buildinfo.BuildInfo) error {
	switch info.Path {
	case agentPackage:
		return nil
	case commandPackage:
		if hasTag(info, embedTag) { // it leaves the agent's own code out, a quarter of its size
			return errors.New("it carries its agents inside, and is none itself")
		}
		return nil
	}
	return fmt.Errorf("it is not schism's, but %s", info.Path)
}

// embedTag is the build tag of programs that carry their agents.
const embedTag = "schism_agents"

func hasTag(info *buildinfo.BuildInfo, tag string) bool {
	for _, s := range info.Settings {
		if s.Key == "-tags" && slices.Contains(strings.Split(s.Value, ","), tag) {
			return true
		}
	}
	return false
}

// checkStatic says why a file is no static ELF binary of the OS and CPU; any CPU will do where none is given.
func checkStatic(path, goos, goarch string) error {
	info, err := os.Stat(path)
	var pe *fs.PathError
	switch {
	case errors.As(err, &pe):
		return pe.Err // the path is said by whoever reports it
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	}
	file, err := elf.Open(path)
	if err != nil {
		var format *elf.FormatError
		if errors.As(err, &format) {
			return errors.New("it is no ELF binary")
		}
		if errors.As(err, &pe) {
			return pe.Err
		}
		return errors.New("it is no whole ELF binary")
	}
	defer file.Close()
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		return errors.New("it is no program")
	}
	if file.OSABI != elf.ELFOSABI_NONE && file.OSABI != elf.ELFOSABI_LINUX || goos != "linux" {
		return fmt.Errorf("it is not built for %s", goos)
	}
	if arch := machines[file.Machine]; arch != goarch && goarch != "" {
		return fmt.Errorf("it is built for %s, not for %s", orText(arch, file.Machine.String()), goarch)
	}
	libs, err := file.ImportedLibraries()
	if err == nil && len(libs) > 0 {
		return fmt.Errorf("it is dynamically linked (%s)", strings.Join(libs, ", "))
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it is dynamically linked")
		}
	}
	return nil
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
