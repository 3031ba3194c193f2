package flac

// crc8 is the checksum of a frame header: x^8 + x^2 + x + 1.
func crc8(b []byte) uint8 {
	c := uint8(0)
	for _, v := range b {
		c = crc8Table[c^v]
	}
	return c
}

// crc16 is the checksum of a frame: x^16 + x^15 + x^2 + 1.
func crc16(b []byte) uint16 {
	c := uint16(0)
	for _, v := range b {
		c = c<<8 ^ crc16Table[uint8(c>>8)^v]
	}
	return c
}

var crc8Table, crc16Table = func() (t8 [256]uint8, t16 [256]uint16) {
	for i := range 256 {
		c8, c16 := uint8(i), uint16(i)<<8
		for range 8 {
			c8 = c8<<1 ^ c8>>7*0x07
			c16 = c16<<1 ^ c16>>15*0x8005
		}
		t8[i], t16[i] = c8, c16
	}
	return t8, t16
}()
