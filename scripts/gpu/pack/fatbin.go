package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

const fatbinMagic = 0xBA55ED50

// onlyArch empties the code for GPUs of another compute capability in a library, in place, so
// that sizes, addresses and headers stay. A driver reads the entry for its GPU, and only the
// headers of others. It returns how many bytes of code were kept and emptied.
//
// Section .nv_fatbin is a row of containers: a header (magic, version, its own size, the size of
// what follows), then entries: a header (kind, version, its own size, the size of the code, and at
// byte 28 the compute capability), then the code.
func onlyArch(library []byte, arch int) (kept, emptied int64, err error) {
	f, err := elf.NewFile(bytes.NewReader(library))
	if err != nil {
		return 0, 0, err
	}
	section := f.Section(".nv_fatbin")
	if section == nil {
		return 0, 0, errors.New("there is no code for GPUs in the library")
	}
	if section.Offset > uint64(len(library)) || section.Size > uint64(len(library))-section.Offset {
		return 0, 0, errDamaged
	}
	kept, emptied, err = emptyOthers(library[section.Offset:section.Offset+section.Size], arch)
	if err == nil && kept == 0 {
		err = fmt.Errorf("the library has no code for compute capability %d", arch)
	}
	return kept, emptied, err
}

var errDamaged = errors.New("the code for GPUs in the library is not as expected")

// emptyOthers does so in the section's content.
func emptyOthers(rest []byte, arch int) (kept, emptied int64, err error) {
	le := binary.LittleEndian
	for len(rest) >= 16 {
		if le.Uint32(rest) != fatbinMagic {
			rest = rest[8:]
			continue
		}
		header, size := uint64(le.Uint16(rest[6:])), le.Uint64(rest[8:])
		if header < 16 || header > uint64(len(rest)) || size > uint64(len(rest))-header {
			return kept, emptied, errDamaged
		}
		entries := rest[header : header+size]
		for len(entries) >= 32 {
			header, size := uint64(le.Uint32(entries[4:])), le.Uint64(entries[8:])
			if header < 32 || header > uint64(len(entries)) || size > uint64(len(entries))-header {
				return kept, emptied, errDamaged
			}
			if int(le.Uint32(entries[28:])) == arch {
				kept += int64(size)
			} else {
				clear(entries[header : header+size])
				emptied += int64(size)
			}
			entries = entries[header+size:]
		}
		rest = rest[min((header+size+7)/8*8, uint64(len(rest))):]
	}
	return kept, emptied, nil
}
