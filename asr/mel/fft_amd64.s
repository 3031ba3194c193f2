#include "textflag.h"

// A vector register holds a number of four frames. Points are 64 bytes in memory, the real
// parts of the four frames and then the imaginary ones; those of a butterfly's legs are in
// Y0 and Y1, Y2 and Y3, Y4 and Y5, Y6 and Y7.

// ROTATE loads the point at memory operand re and im, and multiplies it by the number at w.
#define ROTATE(pre, pim, wre, wim, re, im) \
	VBROADCASTSD wre, Y14      \
	VBROADCASTSD wim, Y15      \
	VMOVUPD      pre, Y12      \
	VMOVUPD      pim, Y13      \
	VMULPD       Y14, Y12, re  \
	VMULPD       Y15, Y13, im  \
	VSUBPD       im, re, re    \
	VMULPD       Y15, Y12, Y12 \
	VMULPD       Y14, Y13, Y13 \
	VADDPD       Y13, Y12, im

// BUTTERFLY combines the points in Y0 to Y7: a, b, c, d of the code for one frame are
// Y8 and Y9, Y0 and Y1, Y10 and Y11, Y2 and Y3.
#define BUTTERFLY \
	VADDPD Y4, Y0, Y8   \
	VADDPD Y5, Y1, Y9   \
	VSUBPD Y4, Y0, Y0   \
	VSUBPD Y5, Y1, Y1   \
	VADDPD Y6, Y2, Y10  \
	VADDPD Y7, Y3, Y11  \
	VSUBPD Y6, Y2, Y2   \
	VSUBPD Y7, Y3, Y3   \
	VADDPD Y10, Y8, Y4  \ // leg 0
	VADDPD Y11, Y9, Y5  \
	VSUBPD Y10, Y8, Y6  \ // leg 2
	VSUBPD Y11, Y9, Y7  \
	VADDPD Y3, Y0, Y8   \ // leg 1
	VSUBPD Y2, Y1, Y9   \
	VSUBPD Y3, Y0, Y10  \ // leg 3
	VADDPD Y2, Y1, Y11

// WINDOWED loads two samples of each frame, 1280 bytes apart, under the window: the first
// sample is the real part. The arguments are offsets, since SI is the first frame's sample
// and DX the window.
#define WINDOWED(at, frame1, frame2, frame3, re, im) \
	VMOVUPD      at(SI), X12               \
	VMOVUPD      frame1(SI), X13           \
	VINSERTF128  $1, frame2(SI), Y12, Y12  \
	VINSERTF128  $1, frame3(SI), Y13, Y13  \
	VBROADCASTSD at(DX), Y14               \
	VBROADCASTSD at+8(DX), Y15             \
	VUNPCKLPD    Y13, Y12, re              \
	VUNPCKHPD    Y13, Y12, im              \
	VMULPD       Y14, re, re               \
	VMULPD       Y15, im, im

// func firstAVX2(points *[half][2]vector, y *[fourSize]float64, window *[windowSize]float64, order *[half / 4]uint8)
TEXT ·firstAVX2(SB), NOSPLIT, $0-32
	MOVQ points+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ window+16(FP), DX
	MOVQ order+24(FP), BX
	XORL CX, CX

points:
	WINDOWED(0, 1280, 2560, 3840, Y0, Y1)
	WINDOWED(1024, 2304, 3584, 4864, Y2, Y3)
	WINDOWED(2048, 3328, 4608, 5888, Y4, Y5)
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	CMPL   CX, $8           // the window ends at point 200, which is 192+8
	JAE    butterfly
	WINDOWED(3072, 4352, 5632, 6912, Y6, Y7)

butterfly:
	BUTTERFLY
	MOVBLZX (BX)(CX*1), AX
	SHLL    $8, AX          // four points of 64 bytes
	ADDQ    DI, AX
	VMOVUPD Y4, 0(AX)
	VMOVUPD Y5, 32(AX)
	VMOVUPD Y8, 64(AX)
	VMOVUPD Y9, 96(AX)
	VMOVUPD Y6, 128(AX)
	VMOVUPD Y7, 160(AX)
	VMOVUPD Y10, 192(AX)
	VMOVUPD Y11, 224(AX)
	ADDQ    $16, SI
	ADDQ    $16, DX
	INCL    CX
	CMPL    CX, $64
	JB      points
	VZEROUPPER
	RET

// func butterfliesAVX2(points *[half][2]vector, twiddle *[stages][3][2]float64)
TEXT ·butterfliesAVX2(SB), NOSPLIT, $0-16
	MOVQ twiddle+8(FP), BX
	MOVQ $(4*64), R8        // bytes from leg to leg

stage:
	MOVQ points+0(FP), DI   // leg 0
	LEAQ (256*64)(DI), R10  // end of the points

base:
	LEAQ (DI)(R8*1), R9     // end of leg 0
	LEAQ (R9)(R8*2), SI     // leg 3
	MOVQ BX, DX

point:
	ROTATE(0(DI)(R8*1), 32(DI)(R8*1), 0(DX), 8(DX), Y2, Y3)
	ROTATE(0(DI)(R8*2), 32(DI)(R8*2), 16(DX), 24(DX), Y4, Y5)
	ROTATE(0(SI), 32(SI), 32(DX), 40(DX), Y6, Y7)
	VMOVUPD 0(DI), Y0
	VMOVUPD 32(DI), Y1
	BUTTERFLY
	VMOVUPD Y4, 0(DI)
	VMOVUPD Y5, 32(DI)
	VMOVUPD Y8, 0(DI)(R8*1)
	VMOVUPD Y9, 32(DI)(R8*1)
	VMOVUPD Y6, 0(DI)(R8*2)
	VMOVUPD Y7, 32(DI)(R8*2)
	VMOVUPD Y10, 0(SI)
	VMOVUPD Y11, 32(SI)
	ADDQ    $64, DI
	ADDQ    $64, SI
	ADDQ    $48, DX
	CMPQ    DI, R9
	JB      point
	MOVQ    SI, DI
	CMPQ    DI, R10
	JB      base
	MOVQ    DX, BX          // twiddles of the next stage
	SHLQ    $2, R8
	CMPQ    R8, $(64*64)
	JBE     stage
	VZEROUPPER
	RET

// func separateAVX2(power *[bins]vector, points *[half][2]vector, unpack *[half/2 + 1][2]float64)
TEXT ·separateAVX2(SB), NOSPLIT, $0-24
	MOVQ    power+0(FP), DI
	MOVQ    points+8(FP), SI
	MOVQ    unpack+16(FP), BX
	LEAQ    (256*64)(SI), DX // point m
	LEAQ    (256*32)(DI), R8 // bin m
	VMOVUPD 0(SI), Y0
	VMOVUPD 32(SI), Y1
	VADDPD  Y1, Y0, Y2
	VSUBPD  Y1, Y0, Y3
	VADDPD  Y2, Y2, Y2
	VADDPD  Y3, Y3, Y3
	VMULPD  Y2, Y2, Y2
	VMULPD  Y3, Y3, Y3
	VMOVUPD Y2, (DI)
	VMOVUPD Y3, (R8)
	MOVL    $128, CX

bin:
	ADDQ         $64, SI
	SUBQ         $64, DX
	ADDQ         $32, DI
	SUBQ         $32, R8
	ADDQ         $16, BX
	VMOVUPD      0(SI), Y0       // k
	VMOVUPD      32(SI), Y1
	VMOVUPD      0(DX), Y2       // m
	VMOVUPD      32(DX), Y3
	VBROADCASTSD 0(BX), Y14
	VBROADCASTSD 8(BX), Y15
	VADDPD       Y3, Y1, Y6      // or
	VSUBPD       Y0, Y2, Y7      // oi
	VADDPD       Y2, Y0, Y4      // er
	VSUBPD       Y3, Y1, Y5      // ei
	VMULPD       Y14, Y6, Y8
	VMULPD       Y15, Y7, Y9
	VMULPD       Y15, Y6, Y10
	VMULPD       Y14, Y7, Y11
	VSUBPD       Y9, Y8, Y8      // tr
	VADDPD       Y11, Y10, Y9    // ti
	VADDPD       Y8, Y4, Y0      // x
	VADDPD       Y9, Y5, Y1
	VSUBPD       Y8, Y4, Y2      // y
	VSUBPD       Y9, Y5, Y3
	VMULPD       Y0, Y0, Y0
	VMULPD       Y1, Y1, Y1
	VMULPD       Y2, Y2, Y2
	VMULPD       Y3, Y3, Y3
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VMOVUPD      Y0, (DI)
	VMOVUPD      Y2, (R8)
	DECL         CX
	JNZ          bin
	VZEROUPPER
	RET
