#include "textflag.h"

// OUTPUT adds a row of both halves of the lanes, in Y8 and Y9, to the sums of one output.
#define OUTPUT(h, low, high) \
	VBROADCASTSS h, Y10     \
	VMULPS       Y8, Y10, Y11 \
	VMULPS       Y9, Y10, Y12 \
	VADDPS       Y11, low, low \
	VADDPS       Y12, high, high

// func tileAVX(y *[high * width]float32, x, h []float32)
TEXT ·tileAVX(SB), NOSPLIT, $0-56
	MOVQ   y+0(FP), DI
	MOVQ   x_base+8(FP), SI
	MOVQ   h_base+32(FP), BX
	MOVQ   h_len+40(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	SHRQ   $2, CX
	JZ     done

taps:
	VMOVUPS 0(SI), Y8
	VMOVUPS 32(SI), Y9
	OUTPUT(0(BX), Y0, Y1)
	OUTPUT(4(BX), Y2, Y3)
	OUTPUT(8(BX), Y4, Y5)
	OUTPUT(12(BX), Y6, Y7)
	ADDQ    $64, SI
	ADDQ    $16, BX
	DECQ    CX
	JNZ     taps

done:
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VMOVUPS Y4, 128(DI)
	VMOVUPS Y5, 160(DI)
	VMOVUPS Y6, 192(DI)
	VMOVUPS Y7, 224(DI)

	// Leaving the upper halves dirty would slow down every SSE instruction after us.
	VZEROUPPER
	RET
