package twin

import "math"

// Adam takes a step with b1 = 0.9 and b2 = 0.98, as the float32 runs that the
// numeric spec was compared with.
func (m *Model) Adam(grads [][]float32, lr float64) {
	m.step++
	const b1, b2 = 0.9, 0.98
	c1 := float32(1 / (1 - math.Pow(b1, float64(m.step))))
	c2 := float32(1 / (1 - math.Pow(b2, float64(m.step))))
	for i, w := range m.values {
		first, second := m.state[0][i], m.state[1][i]
		for j, g := range grads[i] {
			first[j] = b1*first[j] + (1-b1)*g
			second[j] = b2*second[j] + (1-b2)*g*g
			w[j] -= float32(lr) * first[j] * c1 / (sqrt(second[j]*c2) + 1e-9)
		}
	}
}

// SGD takes a step with momentum 0.9.
func (m *Model) SGD(grads [][]float32, lr float64) {
	for i, w := range m.values {
		momentum := m.state[0][i]
		for j, g := range grads[i] {
			momentum[j] = 0.9*momentum[j] + g
			w[j] -= float32(lr) * momentum[j]
		}
	}
}
