/* What a process asks of the kernel that changes something outside it, counted as it is asked; and its death
   before the one it waits for, or in the middle of it: a write of half its bytes.

   Stands between the program (its libraries too: SQLite, DuckDB, Polars, OpenSSL) and libc by LD_PRELOAD. Files
   count below the project's folder, and everything said on a TCP connection. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[4096], only[64];
static int log_fd = -1;
static long wanted, torn;
static atomic_long acts;

/* Called in the child that is to die: `at` is the number of the act, 0 for none, among those whose names begin so. */
void arm_calls(const char *folder, int log, const char *beginning, long at, long in_the_middle) {
  snprintf(only, sizeof only, "%s", beginning);
  snprintf(root, sizeof root, "%s/", folder);
  wanted = at;
  torn = in_the_middle;
  atomic_store(&acts, 0);
  log_fd = log;
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static const char *owner(const char *path) {
  if (strstr(path, "/ledger.sqlite")) return "ledger";
  if (strstr(path, ".duckdb")) return "warehouse";
  if (strstr(path, "/mail/")) return "mail";
  return "files";
}

/* Count an act; say whether this write is to stop half way. */
static int meet(const char *who, const char *what) {
  char line[64];
  int length = snprintf(line, sizeof line, "%s.%s\n", who, what);
  syscall(SYS_write, log_fd, line, length);
  if (strncmp(line, only, strlen(only))) return 0;
  if (atomic_fetch_add(&acts, 1) + 1 != wanted) return 0;
  if (torn && !strcmp(what, "write")) return 1;
  die();
  return 0;
}

static int path_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

static int met_fd(int fd, const char *what) {
  char path[4096];
  if (log_fd < 0 || fd == log_fd || !path_of(fd, path, sizeof path)) return 0;
  if (!strncmp(path, root, strlen(root))) return meet(owner(path), what);
  if (!strncmp(path, "socket:", 7)) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (!getsockname(fd, (struct sockaddr *)&address, &size) && address.ss_family == AF_INET) meet("wire", what);
  }
  return 0;
}

static void met_path(int folder, const char *path, const char *what) {
  char whole[8192];
  if (log_fd < 0 || !path) return;
  if (path[0] == '/' || folder == AT_FDCWD) {
    if (path[0] == '/' && !strncmp(path, root, strlen(root))) meet(owner(path), what);
    return;
  }
  if (!path_of(folder, whole, 4096)) return;
  strncat(whole, "/", 2);
  strncat(whole, path, 4000);
  if (!strncmp(whole, root, strlen(root))) meet(owner(whole), what);
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  if (met_fd(fd, "write")) { real(fd, data, size / 2); die(); }
  return real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  REAL(pwrite);
  if (met_fd(fd, "write")) { real(fd, data, size / 2, at); die(); }
  return real(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  REAL(pwrite64);
  if (met_fd(fd, "write")) { real(fd, data, size / 2, at); die(); }
  return real(fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  if (met_fd(fd, "write")) { real(fd, parts, count / 2); die(); }
  return real(fd, parts, count);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
  REAL(send);
  met_fd(fd, "send");
  return real(fd, data, size, flags);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
  REAL(sendto);
  met_fd(fd, "send");
  return real(fd, data, size, flags, to, length);
}

int fsync(int fd) { REAL(fsync); met_fd(fd, "sync"); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); met_fd(fd, "sync"); return real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); met_fd(fd, "truncate"); return real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); met_fd(fd, "truncate"); return real(fd, size); }
int posix_fallocate(int fd, off_t at, off_t size) { REAL(posix_fallocate); met_fd(fd, "truncate"); return real(fd, at, size); }
int futimens(int fd, const struct timespec times[2]) { REAL(futimens); met_fd(fd, "date"); return real(fd, times); }

int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
  REAL(utimensat);
  met_path(folder, path, "date");
  return real(folder, path, times, flags);
}

int rename(const char *from, const char *to) { REAL(rename); met_path(AT_FDCWD, to, "rename"); return real(from, to); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  REAL(renameat);
  met_path(to_folder, to, "rename");
  return real(from_folder, from, to_folder, to);
}

int link(const char *from, const char *to) { REAL(link); met_path(AT_FDCWD, to, "rename"); return real(from, to); }

/* What is not there is no act to take away, and what is there none to make. */
int unlink(const char *path) {
  REAL(unlink);
  if (!access(path, F_OK)) met_path(AT_FDCWD, path, "remove");
  return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat);
  if (!faccessat(folder, path, F_OK, 0)) met_path(folder, path, "remove");
  return real(folder, path, flags);
}

int rmdir(const char *path) {
  REAL(rmdir);
  if (!access(path, F_OK)) met_path(AT_FDCWD, path, "remove");
  return real(path);
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  if (access(path, F_OK)) met_path(AT_FDCWD, path, "make");
  return real(path, mode);
}

static void met_open(int folder, const char *path, int flags) {
  int is_new = (flags & O_CREAT) && faccessat(folder, path, F_OK, 0);
  if (log_fd >= 0 && (is_new || (flags & O_TRUNC))) met_path(folder, path, "make");
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
  REAL(open);
  MODE(flags)
  met_open(AT_FDCWD, path, flags);
  return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  REAL(open64);
  MODE(flags)
  met_open(AT_FDCWD, path, flags);
  return real(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  REAL(openat);
  MODE(flags)
  met_open(folder, path, flags);
  return real(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
  REAL(openat64);
  MODE(flags)
  met_open(folder, path, flags);
  return real(folder, path, flags, mode);
}
