// Operands and models, made by the program that serves the page.
export async function bytes(path) {
	const answer = await fetch(path);
	if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
	return new Uint8Array(await answer.arrayBuffer());
}

export async function operands(n) {
	return { a: await bytes(`/operand/${n}/a`), b: await bytes(`/operand/${n}/b`) };
}

// floats reads bytes as signed integers and makes them floats.
export const floats = (data) => Float32Array.from(new Int8Array(data.buffer));
