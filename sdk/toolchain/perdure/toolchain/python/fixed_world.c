/* Makes each run of componentize-py the same: what it reads of chance, of clocks, and of the numbers, times and orders
 * that a file system gives out, is the same every time. See docs/adr/0016-reproducible-python-guests.md.
 *
 * Linux, x86-64 and AArch64. It is preloaded (LD_PRELOAD) into one process, and does nothing before perdure_fix_world()
 * is called there. The tool makes its system calls without the C library, so they are caught by a seccomp filter of the
 * process's own, which lets everything happen but hands a few calls to the handler below. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#define VDSO_ENTRY 33  /* AT_SYSINFO_EHDR */
#define IGNORED_ENTRY 1 /* AT_IGNORE */

#define FIXED_TIME 315532800LL   /* seconds: 1980-01-01 */
#define FIXED_UPTIME 268435456LL /* seconds: far beyond a real one, so that a deadline counted from it is never past */

/* --- system calls of our own: the filter knows them by where they are made ---------------------------------------- */

long perdure_call(long number, long a, long b, long c, long d, long e, long f);
extern const char perdure_called[]; /* the instruction after the one that enters the kernel */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
__asm__(".text\n.globl perdure_call\n.hidden perdure_call\n.type perdure_call,@function\nperdure_call:\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\nmov %rdx,%rsi\nmov %rcx,%rdx\nmov %r8,%r10\nmov %r9,%r8\nmov 8(%rsp),%r9\nsyscall\n"
        ".globl perdure_called\n.hidden perdure_called\nperdure_called:\nret\n");
#define NUMBER(context) ((context)->uc_mcontext.gregs[REG_RAX])
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
static long argument(ucontext_t *context, int index) {
    static const int registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    return (long)context->uc_mcontext.gregs[registers[index]];
}
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
__asm__(".text\n.globl perdure_call\n.hidden perdure_call\n.type perdure_call,%function\nperdure_call:\n"
        "mov x8,x0\nmov x0,x1\nmov x1,x2\nmov x2,x3\nmov x3,x4\nmov x4,x5\nmov x5,x6\nsvc #0\n"
        ".globl perdure_called\n.hidden perdure_called\nperdure_called:\nret\n");
#define NUMBER(context) ((long)(context)->uc_mcontext.regs[8])
#define RESULT(context) ((context)->uc_mcontext.regs[0])
static long argument(ucontext_t *context, int index) { return (long)context->uc_mcontext.regs[index]; }
#else
#error "x86-64 and AArch64 only"
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int fixed; /* set once, before the first thread */

/* --- chance ------------------------------------------------------------------------------------------------------- */

static void fill(unsigned char *buffer, size_t length) {
    uint64_t state = 1;
    for (size_t i = 0; i < length; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        buffer[i] = (unsigned char)(state >> 56);
    }
}

/* --- clocks: they stand still but for what somebody sleeps --------------------------------------------------------- */

static _Atomic int64_t slept_ms;

static int of_the_world(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI || clock == CLOCK_MONOTONIC ||
           clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
}

static void read_clock(clockid_t clock, struct timespec *now) {
    int64_t slept = atomic_load(&slept_ms);
    int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
    now->tv_sec = (time_t)((wall ? FIXED_TIME : FIXED_UPTIME) + slept / 1000);
    now->tv_nsec = (long)(slept % 1000) * 1000000;
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

/* The C library asks the kernel without a system call, so that this one is taken from it. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    if (fixed && of_the_world(clock)) {
        read_clock(clock, now);
        return 0;
    }
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = next("clock_gettime");
    return real(clock, now);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static int (*real)(int, struct epoll_event *, int, int);
    if (!real) real = next("epoll_wait");
    int count = real(fd, events, most, timeout);
    if (fixed && count == 0 && timeout > 0) atomic_fetch_add(&slept_ms, timeout);
    return count;
}

/* --- files: numbered by their path below the folder of the build ---------------------------------------------------- */

static char root[PATH_MAX];
static size_t root_length;

/* Appends the steps of `more` to the path, without "." and "..". */
static void walk(char *path, const char *more) {
    size_t used = strlen(path);
    while (*more) {
        size_t step = strcspn(more, "/");
        if (step == 2 && more[0] == '.' && more[1] == '.') {
            while (used && path[--used] != '/') continue;
            path[used] = 0;
        } else if (step && !(step == 1 && more[0] == '.') && used + step + 2 < PATH_MAX) {
            path[used++] = '/';
            memcpy(path + used, more, step);
            path[used += step] = 0;
        }
        more += step + (more[step] == '/');
    }
}

/* Temporary folders have names by chance, and which threads are there first has a part in it: they count by their order. */
#define TEMPORARY ".tmp"
#define TEMPORARY_MOST 64
static char temporary[TEMPORARY_MOST][32];
static size_t temporary_count;

static unsigned char order_of(const char *name, size_t length) {
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < temporary_count && (strlen(temporary[i]) != length || memcmp(temporary[i], name, length))) i++;
    if (i == temporary_count && i < TEMPORARY_MOST && length < sizeof *temporary)
        memcpy(temporary[temporary_count++], name, length); /* the rest of it is zero */
    pthread_mutex_unlock(&lock);
    return (unsigned char)(i + 1);
}

static uint64_t number_of(int folder, const char *name) {
    char link[32] = "/proc/self/cwd", path[PATH_MAX] = "";
    if (!name) name = "";
    if (name[0] != '/') {
        if (folder != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        long length = perdure_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, PATH_MAX - 1, 0, 0);
        path[length < 0 ? 0 : length] = 0;
    }
    walk(path, name);
    const char *from = path + (!strncmp(path, root, root_length) ? root_length : 0);
    uint64_t number = 14695981039346656037ULL; /* FNV-1a */
    while (*from) {
        size_t step = *from == '/' ? 1 : strcspn(from, "/");
        if (!strncmp(from, TEMPORARY, strlen(TEMPORARY)))
            number = (number ^ order_of(from, step)) * 1099511628211ULL;
        else
            for (size_t i = 0; i < step; i++) number = (number ^ (unsigned char)from[i]) * 1099511628211ULL;
        from += step;
    }
    return number;
}

static void fix_statx(struct statx *found, uint64_t number) {
    struct statx_timestamp then = {.tv_sec = FIXED_TIME};
    found->stx_atime = found->stx_btime = found->stx_ctime = found->stx_mtime = then;
    found->stx_ino = number;
    found->stx_dev_major = 0;
    found->stx_dev_minor = 1;
    found->stx_nlink = 1;
    if (S_ISDIR(found->stx_mode)) found->stx_size = 4096;
}

static void fix_stat(struct stat *found, uint64_t number) {
    struct timespec then = {.tv_sec = FIXED_TIME};
    found->st_atim = found->st_ctim = found->st_mtim = then;
    found->st_ino = number;
    found->st_dev = 1;
    found->st_nlink = 1;
    if (S_ISDIR(found->st_mode)) found->st_size = 4096;
}

/* --- folders: listed in the order of their names ------------------------------------------------------------------- */

struct entry { uint64_t inode; int64_t offset; unsigned short length; unsigned char type; char name[]; };
static struct listing { char *bytes; struct entry **entries; size_t count, given; } *listings; /* by descriptor */
static size_t listing_room;

static int by_name(const void *one, const void *other) {
    return strcmp((*(struct entry *const *)one)->name, (*(struct entry *const *)other)->name);
}

static long read_listing(int fd, struct listing *into) {
    size_t room = 1 << 16, used = 0, count = 0;
    char *bytes = malloc(room);
    for (;;) {
        if (room - used < 1 << 15) room *= 2, bytes = realloc(bytes, room);
        if (!bytes) abort();
        long got = perdure_call(SYS_getdents64, fd, (long)(bytes + used), (long)(room - used), 0, 0, 0);
        if (got < 0) { free(bytes); return got; }
        if (got == 0) break;
        used += (size_t)got;
    }
    for (size_t at = 0; at < used; at += ((struct entry *)(bytes + at))->length) count++;
    struct entry **entries = malloc((count + 1) * sizeof *entries);
    if (!entries) abort();
    count = 0;
    for (size_t at = 0; at < used; at += ((struct entry *)(bytes + at))->length) entries[count++] = (struct entry *)(bytes + at);
    qsort(entries, count, sizeof *entries, by_name);
    free(into->bytes);
    free(into->entries);
    *into = (struct listing){bytes, entries, count, 0};
    return 0;
}

static long list(int fd, char *buffer, size_t room) {
    long position = perdure_call(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0), failed;
    size_t used = 0;
    if (fd < 0 || position < 0) return fd < 0 ? -EBADF : position;
    pthread_mutex_lock(&lock);
    if ((size_t)fd >= listing_room) {
        size_t wanted = (size_t)fd + 64;
        listings = realloc(listings, wanted * sizeof *listings);
        if (!listings) abort();
        memset(listings + listing_room, 0, (wanted - listing_room) * sizeof *listings);
        listing_room = wanted;
    }
    struct listing *it = &listings[fd];
    if (position == 0 && (failed = read_listing(fd, it)) < 0) {
        pthread_mutex_unlock(&lock);
        return failed;
    }
    while (it->given < it->count && it->entries[it->given]->length <= room - used) {
        struct entry *source = it->entries[it->given++], *target = (struct entry *)(buffer + used);
        memcpy(target, source, source->length);
        target->inode = 1;
        target->offset = (int64_t)it->given;
        used += source->length;
    }
    int stuck = used == 0 && it->given < it->count;
    pthread_mutex_unlock(&lock);
    return stuck ? -EINVAL : (long)used;
}

/* --- the way past clock_gettime: the kernel's own page of code, whose address a process is told at its start -------- */

static void hide_page(uint64_t *entries, size_t count) {
    for (size_t i = 0; i + 1 < count; i += 2)
        if (entries[i] == VDSO_ENTRY) entries[i] = IGNORED_ENTRY;
}

static long open_auxiliary(void) {
    uint64_t entries[128];
    long real = perdure_call(SYS_openat, AT_FDCWD, (long)"/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (real < 0) return real;
    long length = perdure_call(SYS_read, real, (long)entries, sizeof entries, 0, 0, 0);
    perdure_call(SYS_close, real, 0, 0, 0, 0, 0);
    if (length < 0) return length;
    hide_page(entries, (size_t)length / sizeof *entries);
    long copy = perdure_call(SYS_memfd_create, (long)"auxv", MFD_CLOEXEC, 0, 0, 0, 0);
    if (copy < 0) return copy;
    perdure_call(SYS_write, copy, (long)entries, length, 0, 0, 0);
    perdure_call(SYS_lseek, copy, 0, SEEK_SET, 0, 0, 0);
    return copy;
}

/* --- the handler ---------------------------------------------------------------------------------------------------- */

static void answer(int signal, siginfo_t *info, void *opaque) {
    ucontext_t *context = opaque;
    long number = (long)NUMBER(context), a[6], result;
    int kept = errno;
    (void)signal;
    (void)info;
    for (int i = 0; i < 6; i++) a[i] = argument(context, i);
    switch (number) {
    case SYS_getrandom:
        fill((unsigned char *)a[0], (size_t)a[1]);
        result = a[1];
        break;
    case SYS_clock_gettime:
        if (of_the_world((clockid_t)a[0])) {
            read_clock((clockid_t)a[0], (struct timespec *)a[1]);
            result = 0;
        } else result = perdure_call(number, a[0], a[1], 0, 0, 0, 0);
        break;
    case SYS_getdents64:
        result = list((int)a[0], (char *)a[1], (size_t)a[2]);
        break;
    case SYS_openat:
        if (a[1] && !strcmp((const char *)a[1], "/proc/self/auxv")) result = open_auxiliary();
        else result = perdure_call(number, a[0], a[1], a[2], a[3], 0, 0);
        break;
    default:
        result = perdure_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (number == SYS_prctl && a[0] == PR_GET_AUXV && result > 0)
            hide_page((uint64_t *)a[1], (size_t)(result < a[2] ? result : a[2]) / sizeof(uint64_t));
        if (number == SYS_statx && result == 0) fix_statx((struct statx *)a[4], number_of((int)a[0], (const char *)a[1]));
        if (number == SYS_newfstatat && result == 0) fix_stat((struct stat *)a[2], number_of((int)a[0], (const char *)a[1]));
        if (number == SYS_fstat && result == 0) fix_stat((struct stat *)a[1], number_of((int)a[0], ""));
    }
    RESULT(context) = result;
    errno = kept;
}

#define CAUGHT(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/* Whether the process was started with this library before the C library, so that its functions are taken for that one's. */
static int is_preloaded(void) {
    Dl_info taken, own;
    void *clock = dlsym(RTLD_DEFAULT, "clock_gettime");
    return clock && dladdr(clock, &taken) && dladdr((void *)perdure_called, &own) && taken.dli_fbase == own.dli_fbase;
}

/* From here on the world stands still. `folder` is the build's, its real path. Returns 0, or the number of the error. */
int perdure_fix_world(const char *folder) {
    if (!is_preloaded()) return ELIBACC;
    root_length = strlen(folder);
    if (root_length >= sizeof root) return ENAMETOOLONG;
    memcpy(root, folder, root_length + 1);
    uint64_t own = (uint64_t)(uintptr_t)perdure_called;
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        LOAD(instruction_pointer),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)own, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(own >> 32), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        LOAD(nr),
        CAUGHT(SYS_getrandom), CAUGHT(SYS_clock_gettime), CAUGHT(SYS_getdents64), CAUGHT(SYS_openat), CAUGHT(SYS_prctl),
        CAUGHT(SYS_statx), CAUGHT(SYS_newfstatat), CAUGHT(SYS_fstat),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    if (sigaction(SIGSYS, &action, NULL)) return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return errno;
    fixed = 1;
    return 0;
}
