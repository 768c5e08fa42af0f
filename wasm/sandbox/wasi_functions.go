package sandbox

// wasiModule is the one module that may be imported from.
const wasiModule = "wasi_snapshot_preview1"

// call is a function of the host that a rewritten module calls. All go through
// one import with five 32-bit numbers, so that a host has one callback and no
// 64-bit number crosses into JavaScript.
type call uint32

const (
	callTick call = iota // whether to go on
	callExit
	callRead
	callWrite
	callClose
	callStatus
	callSizes
	callClock
	callResolution
	callPoll
	callRandom
)

// errno is what functions of WASI return. They are below 128.
type errno uint32

const (
	success       errno = 0
	errnoBadFile  errno = 8
	errnoFault    errno = 21
	errnoInvalid  errno = 28
	errnoNoSystem errno = 52
	errnoNoSeek   errno = 70
)

// wasiFunction is one that a module may import: its type, and either the call
// that the host answers, with the parameters that go along, or the answer.
type wasiFunction struct {
	params string
	host   bool
	call   call
	pass   []byte // parameters that go along, all of type i32
	answer errno
}

func (f wasiFunction) typ() funcType {
	t := funcType{params: f.params}
	if f.call != callExit {
		t.results = tI
	}
	return t
}

// wasiFunctions are all of wasi_snapshot_preview1. Whatever is about files,
// sockets and other processes answers that there is no such thing.
var wasiFunctions = func() map[string]wasiFunction {
	all := map[string]wasiFunction{}
	for name, params := range map[string]string{
		"fd_advise": tI + tL + tL + tI, "fd_allocate": tI + tL + tL, "fd_datasync": tI, "fd_fdstat_set_flags": tI + tI,
		"fd_fdstat_set_rights": tI + tL + tL, "fd_filestat_get": tI + tI, "fd_filestat_set_size": tI + tL,
		"fd_filestat_set_times": tI + tL + tL + tI, "fd_pread": tI + tI + tI + tL + tI, "fd_pwrite": tI + tI + tI + tL + tI,
		"fd_readdir": tI + tI + tI + tL + tI, "fd_renumber": tI + tI, "fd_sync": tI,
		"path_create_directory": tI + tI + tI, "path_filestat_get": tI + tI + tI + tI + tI,
		"path_filestat_set_times": tI + tI + tI + tI + tL + tL + tI, "path_link": tI + tI + tI + tI + tI + tI + tI,
		"path_open": tI + tI + tI + tI + tI + tL + tL + tI + tI, "path_readlink": tI + tI + tI + tI + tI + tI,
		"path_remove_directory": tI + tI + tI, "path_rename": tI + tI + tI + tI + tI + tI, "path_symlink": tI + tI + tI + tI + tI,
		"path_unlink_file": tI + tI + tI, "proc_raise": tI, "sock_accept": tI + tI + tI, "sock_recv": tI + tI + tI + tI + tI + tI,
		"sock_send": tI + tI + tI + tI + tI, "sock_shutdown": tI + tI,
	} {
		all[name] = wasiFunction{params: params, answer: errnoNoSystem}
	}
	all["args_get"] = wasiFunction{params: tI + tI}
	all["environ_get"] = wasiFunction{params: tI + tI}
	all["sched_yield"] = wasiFunction{}
	all["fd_prestat_get"] = wasiFunction{params: tI + tI, answer: errnoBadFile}
	all["fd_prestat_dir_name"] = wasiFunction{params: tI + tI + tI, answer: errnoBadFile}
	all["fd_seek"] = wasiFunction{params: tI + tL + tI + tI, answer: errnoNoSeek}
	all["fd_tell"] = wasiFunction{params: tI + tI, answer: errnoNoSeek}

	all["args_sizes_get"] = wasiFunction{params: tI + tI, host: true, call: callSizes, pass: []byte{0, 1}}
	all["environ_sizes_get"] = wasiFunction{params: tI + tI, host: true, call: callSizes, pass: []byte{0, 1}}
	all["clock_res_get"] = wasiFunction{params: tI + tI, host: true, call: callResolution, pass: []byte{0, 1}}
	all["clock_time_get"] = wasiFunction{params: tI + tL + tI, host: true, call: callClock, pass: []byte{0, 2}}
	all["fd_close"] = wasiFunction{params: tI, host: true, call: callClose, pass: []byte{0}}
	all["fd_fdstat_get"] = wasiFunction{params: tI + tI, host: true, call: callStatus, pass: []byte{0, 1}}
	all["fd_read"] = wasiFunction{params: tI + tI + tI + tI, host: true, call: callRead, pass: []byte{0, 1, 2, 3}}
	all["fd_write"] = wasiFunction{params: tI + tI + tI + tI, host: true, call: callWrite, pass: []byte{0, 1, 2, 3}}
	all["poll_oneoff"] = wasiFunction{params: tI + tI + tI + tI, host: true, call: callPoll, pass: []byte{0, 1, 2, 3}}
	all["proc_exit"] = wasiFunction{params: tI, host: true, call: callExit, pass: []byte{0}}
	all["random_get"] = wasiFunction{params: tI + tI, host: true, call: callRandom, pass: []byte{0, 1}}
	return all
}()
