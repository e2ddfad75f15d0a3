// Preloaded into User-Mode Linux. It keeps the floating-point state of its processes in a buffer that is smaller than the
// state of processors with AMX, and the host's kernel accepts only the complete state (PTRACE_SETREGSET with
// NT_X86_XSTATE). The rest of the state is left unchanged: nothing in the guest uses it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define LARGEST_STATE 65536

typedef long (*ptrace_function)(enum __ptrace_request, pid_t, void *, void *);

static long regset(ptrace_function next, enum __ptrace_request request, pid_t pid, void *type, struct iovec *given)
{
	static _Alignas(64) char state[LARGEST_STATE];
	struct iovec whole = { state, sizeof state };
	long result = next(PTRACE_GETREGSET, pid, type, &whole);
	if (result != 0)
		return result;
	if (given->iov_len > whole.iov_len)
		given->iov_len = whole.iov_len;
	if (request == PTRACE_GETREGSET) {
		memcpy(given->iov_base, state, given->iov_len);
		return 0;
	}
	memcpy(state, given->iov_base, given->iov_len);
	return next(PTRACE_SETREGSET, pid, type, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	static ptrace_function next;
	va_list words;
	va_start(words, request);
	pid_t pid = va_arg(words, pid_t);
	void *address = va_arg(words, void *);
	void *data = va_arg(words, void *);
	va_end(words);
	if (!next)
		next = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
	int isRegset = request == PTRACE_GETREGSET || request == PTRACE_SETREGSET;
	if (isRegset && (long)address == NT_X86_XSTATE)
		return regset(next, request, pid, address, data);
	return next(request, pid, address, data);
}
