#include "textflag.h"

// func multiplyAVX(y, x, m []float32)
TEXT ·multiplyAVX(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), DX
	MOVQ x_base+24(FP), SI
	MOVQ x_len+32(FP), CX
	MOVQ m_base+48(FP), BX
	MOVQ DX, R8
	SHLQ $2, R8             // bytes of a row
	SHRQ $4, DX             // blocks of sixteen columns
	SHRQ $1, CX             // pairs of rows
	JZ   done

columns:
	TESTQ  DX, DX
	JZ     done
	MOVQ   SI, R9           // x
	MOVQ   BX, R10          // row
	MOVQ   CX, R11
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

rows:
	VBROADCASTSS 0(R9), Y4
	VBROADCASTSS 4(R9), Y5
	VMULPS       0(R10), Y4, Y6
	VMULPS       32(R10), Y4, Y7
	VMULPS       0(R10)(R8*1), Y5, Y8
	VMULPS       32(R10)(R8*1), Y5, Y9
	VADDPS       Y6, Y0, Y0
	VADDPS       Y7, Y1, Y1
	VADDPS       Y8, Y2, Y2
	VADDPS       Y9, Y3, Y3
	ADDQ         $8, R9
	LEAQ         (R10)(R8*2), R10
	DECQ         R11
	JNZ          rows

	VADDPS  Y2, Y0, Y0
	VADDPS  Y3, Y1, Y1
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    $64, DI
	ADDQ    $64, BX
	DECQ    DX
	JMP     columns

done:
	VZEROUPPER
	RET

// func weighAVX(out *[32]float32, v []float32, w *[512]float32)
TEXT ·weighAVX(SB), NOSPLIT, $0-40
	MOVQ   out+0(FP), DI
	MOVQ   v_base+8(FP), SI
	MOVQ   w+32(FP), BX
	ADDQ   $(15*256), SI    // the youngest vector
	MOVQ   $8, CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

ages:
	VMOVUPS 0(SI), Y4
	VMOVUPS 32(SI), Y5
	VMOVUPS 64(SI), Y6
	VMOVUPS 96(SI), Y7
	VMULPS  0(BX), Y4, Y4
	VMULPS  32(BX), Y5, Y5
	VMULPS  64(BX), Y6, Y6
	VMULPS  96(BX), Y7, Y7
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VADDPS  Y7, Y3, Y3

	// The second half of the vector before.
	VMOVUPS -128(SI), Y4
	VMOVUPS -96(SI), Y5
	VMOVUPS -64(SI), Y6
	VMOVUPS -32(SI), Y7
	VMULPS  128(BX), Y4, Y4
	VMULPS  160(BX), Y5, Y5
	VMULPS  192(BX), Y6, Y6
	VMULPS  224(BX), Y7, Y7
	VADDPS  Y4, Y0, Y0
	VADDPS  Y5, Y1, Y1
	VADDPS  Y6, Y2, Y2
	VADDPS  Y7, Y3, Y3
	SUBQ    $512, SI
	ADDQ    $256, BX
	DECQ    CX
	JNZ     ages

	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VZEROUPPER
	RET
