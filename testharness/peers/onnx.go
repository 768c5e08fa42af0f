package peers

import "encoding/binary"

// Element types of ONNX.
const (
	onnxFloat = 1
	onnxUint8 = 2
	onnxInt8  = 3
	onnxInt32 = 6
)

// product is an ONNX model of one product c = a x b of square matrices, a
// protocol buffer of some two hundred bytes. Given constant, b is part of the
// model, which lets a runtime prepare it once.
type product struct {
	op       string // MatMulInteger or MatMul
	a, b, c  int    // element types
	n        int
	constant []byte
}

func (p product) encode() []byte {
	var node, graph, opset, model message
	node.text(1, "a")
	node.text(1, "b")
	node.text(2, "c")
	node.text(4, p.op)
	graph.bytes(1, node)
	graph.text(2, "product")
	if p.constant != nil {
		var t message
		t.number(1, p.n)
		t.number(1, p.n)
		t.number(2, p.b)
		t.text(8, "b")
		t.bytes(9, p.constant)
		graph.bytes(5, t)
	}
	graph.bytes(11, p.value("a", p.a))
	if p.constant == nil {
		graph.bytes(11, p.value("b", p.b))
	}
	graph.bytes(12, p.value("c", p.c))
	opset.number(2, 13)
	model.number(1, 8) // the version of the format that goes with opset 13 and later
	model.bytes(7, graph)
	model.bytes(8, opset)
	return model
}

// value describes an input or output.
func (p product) value(name string, elem int) message {
	var dim, shape, tensor, typ, value message
	dim.number(1, p.n)
	shape.bytes(1, dim)
	shape.bytes(1, dim)
	tensor.number(1, elem)
	tensor.bytes(2, shape)
	typ.bytes(1, tensor)
	value.text(1, name)
	value.bytes(2, typ)
	return value
}

// message is a protocol buffer under construction.
type message []byte

func (m *message) number(field, v int) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3)
	*m = binary.AppendUvarint(*m, uint64(v))
}

func (m *message) bytes(field int, data []byte) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|2)
	*m = binary.AppendUvarint(*m, uint64(len(data)))
	*m = append(*m, data...)
}

func (m *message) text(field int, s string) { m.bytes(field, []byte(s)) }
