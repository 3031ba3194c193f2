#include "textflag.h"

// TRANSPOSE puts eight lines of eight subbands, from R8 on, line by line to R9.
#define TRANSPOSE \
	VMOVUPS     (0*72)(R8), X0                \
	VMOVUPS     (1*72)(R8), X1                \
	VMOVUPS     (2*72)(R8), X2                \
	VMOVUPS     (3*72)(R8), X3                \
	VINSERTF128 $1, (4*72)(R8), Y0, Y0        \
	VINSERTF128 $1, (5*72)(R8), Y1, Y1        \
	VINSERTF128 $1, (6*72)(R8), Y2, Y2        \
	VINSERTF128 $1, (7*72)(R8), Y3, Y3        \
	VUNPCKLPS   Y1, Y0, Y4                    \
	VUNPCKHPS   Y1, Y0, Y5                    \
	VUNPCKLPS   Y3, Y2, Y6                    \
	VUNPCKHPS   Y3, Y2, Y7                    \
	VUNPCKLPD   Y6, Y4, Y0                    \
	VUNPCKHPD   Y6, Y4, Y1                    \
	VUNPCKLPD   Y7, Y5, Y2                    \
	VUNPCKHPD   Y7, Y5, Y3                    \
	VMOVUPS     Y0, 0(R9)                     \
	VMOVUPS     Y1, 128(R9)                   \
	VMOVUPS     Y2, 256(R9)                   \
	VMOVUPS     Y3, 384(R9)

// func transposeAVX(z *[slots][subbands]float32, x *[lines]float32)
TEXT ·transposeAVX(SB), NOSPLIT, $0-16
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ $4, DX

bands:
	// Four lines at a time; the last time two of them again.
	MOVQ SI, R8
	MOVQ DI, R9
	MOVQ $4, CX

four:
	TRANSPOSE
	ADDQ $16, R8
	ADDQ $512, R9
	DECQ CX
	JNZ  four
	SUBQ $8, R8
	SUBQ $256, R9
	TRANSPOSE
	ADDQ $(8*72), SI
	ADDQ $32, DI
	DECQ DX
	JNZ  bands
	VZEROUPPER
	RET

// BUTTERFLY takes below in Y2 and above in Y3 to Y6 and Y7. Y0 has cosines, Y1 sines.
#define BUTTERFLY \
	VMULPS Y0, Y2, Y4 \
	VMULPS Y1, Y3, Y5 \
	VSUBPS Y5, Y4, Y6 \
	VMULPS Y0, Y3, Y4 \
	VMULPS Y1, Y2, Y5 \
	VADDPS Y5, Y4, Y7

#define BUTTERFLIES(o) \
	VMOVUPS o(DI), Y2   \
	VMOVUPS o+4(SI), Y3 \
	BUTTERFLY           \
	VMOVUPS Y6, o(DI)   \
	VMOVUPS Y7, o+4(SI)

// func unaliasAVX(z *[slots][subbands]float32, cs, sn *[8]float32)
TEXT ·unaliasAVX(SB), NOSPLIT, $0-24
	MOVQ z+0(FP), SI
	MOVQ cs+8(FP), R8
	MOVQ sn+16(FP), R9
	LEAQ (17*128)(SI), DI
	MOVQ $8, CX

	// All but the last of eight lanes.
	VPCMPEQD    X8, X8, X8
	VPSRLDQ     $4, X8, X9
	VINSERTF128 $1, X9, Y8, Y8

lines:
	VBROADCASTSS (R8), Y0
	VBROADCASTSS (R9), Y1

	// The last subband has none above it.
	VMASKMOVPS 96(DI), Y8, Y2
	VMASKMOVPS 100(SI), Y8, Y3
	BUTTERFLY
	VMASKMOVPS Y6, Y8, 96(DI)
	VMASKMOVPS Y7, Y8, 100(SI)
	BUTTERFLIES(64)
	BUTTERFLIES(32)
	BUTTERFLIES(0)
	ADDQ $4, R8
	ADDQ $4, R9
	ADDQ $128, SI
	SUBQ $128, DI
	DECQ CX
	JNZ  lines
	VZEROUPPER
	RET

// ADD adds a line of sixteen subbands, in Y6 and Y7, times a coefficient.
#define ADD(o, low, high) \
	VBROADCASTSS o(BX), Y8   \
	VMULPS       Y6, Y8, Y9  \
	VMULPS       Y7, Y8, Y10 \
	VADDPS       Y9, low, low \
	VADDPS       Y10, high, high

// PRODUCT makes three outputs of the lines from SI on, in Y0 to Y5.
#define PRODUCT(label) \
	MOVQ   SI, R9     \
	MOVQ   $18, CX    \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3 \
	VXORPS Y4, Y4, Y4 \
	VXORPS Y5, Y5, Y5 \
label: \
	VMOVUPS 0(R9), Y6  \
	VMOVUPS 32(R9), Y7 \
	ADD(0, Y0, Y1)     \
	ADD(4, Y2, Y3)     \
	ADD(8, Y4, Y5)     \
	ADDQ    $12, BX    \
	ADDQ    $128, R9   \
	DECQ    CX         \
	JNZ     label

// OVERLAP gives row o of a slot: the window times a product, and what the last granule left.
#define OVERLAP(row, window, low, high) \
	VMULPS  0(window), low, Y6            \
	VMULPS  32(window), high, Y7          \
	VADDPS  0(R8)(row*1), Y6, Y6          \
	VADDPS  32(R8)(row*1), Y7, Y7         \
	VMOVUPS Y6, 0(DI)(row*1)              \
	VMOVUPS Y7, 32(DI)(row*1)

// KEEP leaves a row for the next granule.
#define KEEP(row, window, low, high) \
	VMULPS  0(window), low, Y6    \
	VMULPS  32(window), high, Y7  \
	VMOVUPS Y6, 0(R8)(row*1)      \
	VMOVUPS Y7, 32(R8)(row*1)

#define STEP \
	ADDQ $128, R10 \
	SUBQ $128, R11 \
	ADDQ $64, R12  \
	SUBQ $64, R13

// func imdctAVX(out, over, z *float32, c *[6][slots][3]float32, w *[2 * slots][16]float32)
//
// Sixteen subbands. R10 and R11 are the rows of an output and of its mirror, R12 and R13
// their windows.
TEXT ·imdctAVX(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), DI
	MOVQ over+8(FP), R8
	MOVQ z+16(FP), SI
	MOVQ c+24(FP), BX
	MOVQ w+32(FP), R12
	LEAQ (17*64)(R12), R13
	XORQ R10, R10
	MOVQ $(17*128), R11
	MOVQ $3, DX

first:
	PRODUCT(early)
	OVERLAP(R10, R12, Y0, Y1)
	OVERLAP(R11, R13, Y0, Y1)
	STEP
	OVERLAP(R10, R12, Y2, Y3)
	OVERLAP(R11, R13, Y2, Y3)
	STEP
	OVERLAP(R10, R12, Y4, Y5)
	OVERLAP(R11, R13, Y4, Y5)
	STEP
	DECQ DX
	JNZ  first

	MOVQ w+32(FP), R12
	LEAQ (35*64)(R12), R13
	ADDQ $(18*64), R12
	XORQ R10, R10
	MOVQ $(17*128), R11
	MOVQ $3, DX

second:
	PRODUCT(late)
	KEEP(R10, R12, Y0, Y1)
	KEEP(R11, R13, Y0, Y1)
	STEP
	KEEP(R10, R12, Y2, Y3)
	KEEP(R11, R13, Y2, Y3)
	STEP
	KEEP(R10, R12, Y4, Y5)
	KEEP(R11, R13, Y4, Y5)
	STEP
	DECQ DX
	JNZ  second
	VZEROUPPER
	RET
