// Package peers measures Shoal's lanes beside what others have built for the
// same work: onnxruntime-web and TensorFlow.js in one page of a real browser,
// and Dawn beside our own Vulkan lane on one device. All that is compared runs
// in one go, in turns, on the same numbers, and says what it computed.
//
// The peers come from npm, pinned by the lock files. They are installed
// where the caller says, never into the source tree. Dawn is also a second
// compiler for every WGSL text of ours; no test needs the others.
//
// The package owns measuring and refuses to judge: it prints what it saw. What
// ran on a software device says nothing about hardware, and the report names
// the device for that reason.
package peers
