package flac

// crc8 is the checksum of a frame header: x^8 + x^2 + x + 1.
func crc8(b []byte) uint8 {
	c := uint8(0)
	for _, v := range b {
		c = crc8Table[c^v]
	}
	return c
}

// crc16 is the checksum of a frame: x^16 + x^15 + x^2 + 1. It takes eight bytes at a time.
func crc16(b []byte) uint16 {
	c := uint16(0)
	for t := &crc16Tables; len(b) >= 8; b = b[8:] {
		c = t[7][b[0]^uint8(c>>8)] ^ t[6][b[1]^uint8(c)] ^ t[5][b[2]] ^ t[4][b[3]] ^
			t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
	}
	for _, v := range b {
		c = c<<8 ^ crc16Tables[0][uint8(c>>8)^v]
	}
	return c
}

// crc16Tables holds, by the number of zeros that follow it, the checksum of each byte.
var crc8Table, crc16Tables = func() (t8 [256]uint8, t16 [8][256]uint16) {
	for i := range 256 {
		c8, c16 := uint8(i), uint16(i)<<8
		for range 8 {
			c8 = c8<<1 ^ c8>>7*0x07
			c16 = c16<<1 ^ c16>>15*0x8005
		}
		t8[i], t16[0][i] = c8, c16
	}
	for n := 1; n < len(t16); n++ {
		for i, c := range t16[n-1] {
			t16[n][i] = c<<8 ^ t16[0][c>>8]
		}
	}
	return t8, t16
}()
