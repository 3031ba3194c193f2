#include "textflag.h"

// REVERSE turns the order of eight values around.
#define REVERSE(x) \
	VPERM2F128 $1, x, x, x \
	VPERMILPS  $0x1b, x, x

// FOLD makes the sums and differences of subbands that mirror each other, of a slot at
// byte i of SI, and puts them to byte o of the frame.
#define FOLD(i, o) \
	VMOVUPS (i+0)(SI), Y0       \
	VMOVUPS (i+32)(SI), Y1      \
	VMOVUPS (i+64)(SI), Y2      \
	VMOVUPS (i+96)(SI), Y3      \
	REVERSE(Y2)                 \
	REVERSE(Y3)                 \
	VADDPS  Y3, Y0, Y4          \
	VADDPS  Y2, Y1, Y5          \
	VSUBPS  Y3, Y0, Y6          \
	VSUBPS  Y2, Y1, Y7          \
	VMOVUPS Y4, fold-576+o(SP)  \
	VMOVUPS Y5, fold-544+o(SP)  \
	VMOVUPS Y6, fold-512+o(SP)  \
	VMOVUPS Y7, fold-480+o(SP)

// ADD adds a row of the matrix, in Y6 and Y7, times the value at byte o of R9.
#define ADD(o, low, high) \
	VBROADCASTSS o(R9), Y8  \
	VMULPS       Y6, Y8, Y9  \
	VMULPS       Y7, Y8, Y10 \
	VADDPS       Y9, low, low \
	VADDPS       Y10, high, high

// PRODUCT multiplies three rows of sixteen values from R9 on with the matrix at R10, for
// Y0 to Y5. The label must be its own.
#define PRODUCT(label) \
	MOVQ   $16, CX      \
	VXORPS Y0, Y0, Y0   \
	VXORPS Y1, Y1, Y1   \
	VXORPS Y2, Y2, Y2   \
	VXORPS Y3, Y3, Y3   \
	VXORPS Y4, Y4, Y4   \
	VXORPS Y5, Y5, Y5   \
label: \
	VMOVUPS 0(R10), Y6  \
	VMOVUPS 32(R10), Y7 \
	ADD(0, Y0, Y1)      \
	ADD(128, Y2, Y3)    \
	ADD(256, Y4, Y5)    \
	ADDQ    $4, R9      \
	ADDQ    $64, R10    \
	DECQ    CX          \
	JNZ     label

// UNFOLD makes a vector at byte o of DI from its even values, at byte e of the frame, and
// its odd ones. Y15 has the sign bits, Y14 is zero.
#define UNFOLD(e, odd0, odd1, o) \
	VMOVUPS    even-192+e(SP), Y6     \
	VMOVUPS    even-160+e(SP), Y7     \
	VUNPCKLPS  odd0, Y6, Y8           \
	VUNPCKHPS  odd0, Y6, Y9           \
	VUNPCKLPS  odd1, Y7, Y10          \
	VUNPCKHPS  odd1, Y7, Y11          \
	VPERM2F128 $0x20, Y9, Y8, Y6      \
	VPERM2F128 $0x31, Y9, Y8, Y7      \
	VPERM2F128 $0x20, Y11, Y10, Y8    \
	VPERM2F128 $0x31, Y11, Y10, Y9    \
	VMOVUPS    Y8, (o+0)(DI)          \
	VMOVUPS    Y9, (o+32)(DI)         \
	VXORPS     Y15, Y6, Y6            \
	VXORPS     Y15, Y7, Y7            \
	VXORPS     Y15, Y8, Y8            \
	VXORPS     Y15, Y9, Y9            \
	VMOVUPS    Y6, (o+4*48)(DI)       \
	VMOVUPS    Y7, (o+4*56)(DI)       \
	REVERSE(Y6)                       \
	REVERSE(Y7)                       \
	REVERSE(Y8)                       \
	REVERSE(Y9)                       \
	VMOVSS     X14, (o+4*16)(DI)      \
	VMOVUPS    Y9, (o+4*17)(DI)       \
	VMOVUPS    Y8, (o+4*25)(DI)       \
	VMOVUPS    Y7, (o+4*33)(DI)       \
	VMOVUPS    Y6, (o+4*41)(DI)

// func vectorsAVX(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32)
//
// Three slots at a time.
TEXT ·vectorsAVX(SB), NOSPLIT, $576-24
	MOVQ     v+0(FP), DI
	MOVQ     in+8(FP), SI
	MOVQ     m+16(FP), BX
	MOVQ     $6, DX
	VXORPS   Y14, Y14, Y14
	VPCMPEQD X15, X15, X15
	VPSLLD   $31, X15, X15
	VINSERTF128 $1, X15, Y15, Y15

group:
	FOLD(0, 0)
	FOLD(128, 128)
	FOLD(256, 256)
	LEAQ fold-576(SP), R9
	MOVQ BX, R10
	PRODUCT(evens)
	VMOVUPS Y0, even-192(SP)
	VMOVUPS Y1, even-160(SP)
	VMOVUPS Y2, even-128(SP)
	VMOVUPS Y3, even-96(SP)
	VMOVUPS Y4, even-64(SP)
	VMOVUPS Y5, even-32(SP)
	LEAQ fold-512(SP), R9
	PRODUCT(odds)
	UNFOLD(0, Y0, Y1, 0)
	UNFOLD(64, Y2, Y3, 256)
	UNFOLD(128, Y4, Y5, 512)
	ADDQ $(3*128), SI
	ADDQ $(3*256), DI
	DECQ DX
	JNZ  group
	VZEROUPPER
	RET
