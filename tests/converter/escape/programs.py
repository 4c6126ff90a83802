"""Programs that run in ffmpeg's place, each trying one way out: `python programs.py NAME VICTIM PID`.

VICTIM is a file outside, PID another process of the user; `mine` in the current directory is the one file that ffmpeg
may write. The last line on stderr is `through`, or `refused` with the error's name. Standard library only, by ctypes
where it has no wrapper: a node has no compiler. Each program is a function.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import resource
import signal
import stat
import sys
from pathlib import Path

ARM = platform.machine() == "aarch64"
libc = ctypes.CDLL(None, use_errno=True)
victim = Path()
pid = 0

AT_FDCWD = -100
CLONE_VM, CLONE_SIGHAND, CLONE_THREAD = 0x100, 0x800, 0x10000
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
FS_IOC_RESVSP64 = 0x4030582A
MANY_BYTES = 300 * 2**20


def call(result: int) -> int:
    """The result of a libc function; raises OSError if it is negative."""
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def syscall(x86: int, arm: int, *arguments: object) -> int:
    """A system call by its number."""
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return call(libc.syscall(ctypes.c_long(arm if ARM else x86), *values))


def _end_child(child: int) -> None:
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


# Scratch


def symlink() -> None:
    Path("link").symlink_to(victim)


def symlink_over_output() -> None:
    Path("mine").unlink()
    Path("mine").symlink_to(victim)


def rename_over_output() -> None:
    victim.rename("mine")


def rename_output() -> None:
    Path("mine").rename("other")


def hard_link() -> None:
    os.link(victim, "hard")


def hard_link_by_descriptor() -> None:
    file = os.open("mine", os.O_RDONLY)
    call(libc.linkat(file, b"", AT_FDCWD, b"hard", 0x1000))


def fifo() -> None:
    os.mkfifo("fifo")


def device() -> None:
    os.mknod("zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))


def socket_file() -> None:
    os.mknod("socket", stat.S_IFSOCK | 0o600)


def directory() -> None:
    Path("directory").mkdir()


def another_file() -> None:
    Path("another").write_bytes(b"x")


def unnamed_file() -> None:
    os.open(".", os.O_TMPFILE | os.O_RDWR)


def file_over_the_limit() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Path("mine").open("wb", buffering=0) as file:
        file.seek(MANY_BYTES)
        file.write(b"x")


def space_beyond_the_limit() -> None:
    with Path("mine").open("wb") as file:
        call(libc.fallocate(file.fileno(), 1, ctypes.c_long(0), ctypes.c_long(MANY_BYTES)))


def space_by_ioctl() -> None:
    space = b"\0\0\0\0\0\0\0\0" + (0).to_bytes(8, "little") + MANY_BYTES.to_bytes(8, "little") + bytes(24)
    with Path("mine").open("wb") as file:
        fcntl.ioctl(file, FS_IOC_RESVSP64, space)


def execute_output() -> None:
    Path("mine").write_bytes(Path(sys.executable).read_bytes())
    with contextlib.suppress(OSError):
        Path("mine").chmod(0o700)
    os.execv("mine", ["mine", "-I", "-S", "-c", "import sys; print('through', file=sys.stderr)"])  # noqa: S606, S607


def execute_memory() -> None:
    file = os.memfd_create("program")
    os.write(file, Path(sys.executable).read_bytes())
    os.execve(file, ["program", "-I", "-S", "-c", "import sys; print('through', file=sys.stderr)"], {})  # noqa: S606


def execute_shell() -> None:
    os.execv("/bin/sh", ["sh", "-c", "echo through >&2"])  # noqa: S606


# Files outside


def read_outside() -> None:
    victim.read_bytes()


def list_outside() -> None:
    list(victim.parent.iterdir())


def write_outside() -> None:
    victim.open("ab").close()


def create_outside() -> None:
    victim.with_name("new").write_bytes(b"x")


def truncate_outside() -> None:
    os.truncate(victim, 0)


def truncate_by_opening() -> None:
    os.open(victim, os.O_RDONLY | os.O_TRUNC)


def delete_outside() -> None:
    victim.unlink()


def chmod_outside() -> None:
    victim.chmod(0o666)


def chown_outside() -> None:
    os.chown(victim, os.getuid(), os.getgid())


def utime_outside() -> None:
    os.utime(victim, (0, 0))


def xattr_outside() -> None:
    os.setxattr(victim, "user.gifdrop", b"x")


def chmod_output() -> None:
    Path("mine").chmod(0o777)


def handle_outside() -> None:
    handle = (128).to_bytes(4, "little") + bytes(132)
    mount = ctypes.c_int()
    call(
        libc.name_to_handle_at(
            AT_FDCWD, os.fsencode(victim), ctypes.create_string_buffer(handle), ctypes.byref(mount), 0
        )
    )


def watch_outside() -> None:
    queue = call(libc.inotify_init1(0))
    call(libc.inotify_add_watch(queue, os.fsencode(victim.parent), 0xFFF))


def environment_of_another() -> None:
    Path(f"/proc/{pid}/environ").read_bytes()


def password_file() -> None:
    Path("/etc/passwd").read_bytes()


# Processes


def fork() -> None:
    _end_child(os.fork())


def fork_by_number() -> None:
    _end_child(syscall(56, 220, signal.SIGCHLD, 0, 0, 0, 0) if ARM else syscall(57, 0))


def vfork() -> None:
    _end_child(syscall(56, 220, 0x4000 | signal.SIGCHLD, 0, 0, 0, 0))


def clone_without_flags() -> None:
    _end_child(syscall(56, 220, signal.SIGCHLD, 0, 0, 0, 0))


def clone_into_user_namespace() -> None:
    _end_child(syscall(56, 220, CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0))


def clone_thread_into_mount_namespace() -> None:
    syscall(56, 220, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNS, 0, 0, 0, 0)


def clone3() -> None:
    arguments = bytes(32) + signal.SIGCHLD.to_bytes(8, "little") + bytes(24)  # exit_signal
    _end_child(syscall(435, 435, arguments, 64))


def new_session() -> None:
    os.setsid()


def another_process_group() -> None:
    os.setpgid(0, os.getppid())


def unshare_user() -> None:
    call(libc.unshare(CLONE_NEWUSER))


def join_namespace() -> None:
    call(libc.setns(os.open("/", os.O_PATH), 0))


def outlive_the_parent() -> None:
    call(libc.prctl(1, 0, 0, 0, 0))


def stop_another() -> None:
    os.kill(pid, signal.SIGSTOP)


def stop_a_thread_of_another() -> None:
    syscall(234, 131, pid, pid, signal.SIGSTOP)


def stop_a_thread_by_its_id() -> None:
    syscall(200, 130, pid, signal.SIGSTOP)


def queue_a_signal() -> None:
    information = bytes(8) + (-1).to_bytes(4, "little", signed=True) + bytes(116)  # si_code: SI_QUEUE
    syscall(129, 138, pid, signal.SIGWINCH, information)


def signal_by_descriptor() -> None:
    signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGWINCH)


def signal_everybody() -> None:
    os.kill(-1, 0)


def signal_the_group() -> None:
    os.kill(0, 0)


def signal_as_owner_of_a_pipe() -> None:
    reader, _ = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, pid)


def limit_another() -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE, resource.prlimit(pid, resource.RLIMIT_NOFILE))


def read_limits_of_another() -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE)


def change_own_limits() -> None:
    syscall(302, 261, 0, resource.RLIMIT_CORE, bytes(16), None)


def slow_down_another() -> None:
    os.setpriority(os.PRIO_PROCESS, pid, 19)


def move_another_to_one_cpu() -> None:
    os.sched_setaffinity(pid, os.sched_getaffinity(pid))


def trace_another() -> None:
    call(libc.ptrace(ctypes.c_long(0x4206), ctypes.c_long(pid), None, None))
    os.kill(pid, signal.SIGCONT)


def memory_of_another() -> None:
    syscall(310, 270, pid, 0, 0, 0, 0, 0)


def descriptor_of_another() -> None:
    syscall(438, 438, os.pidfd_open(pid), 0, 0)


# Memory that stays, keys


def shared_memory() -> None:
    segment = call(libc.shmget(0, ctypes.c_size_t(MANY_BYTES), 0o1600))
    call(libc.shmctl(segment, 0, None))


def semaphores() -> None:
    call(libc.semctl(call(libc.semget(0, 1, 0o1600)), 0, 0))


def message_queue() -> None:
    call(libc.msgctl(call(libc.msgget(0, 0o1600)), 0, None))


def posix_message_queue() -> None:
    name = f"gifdrop-{os.getpid()}".encode()
    syscall(240, 180, name, os.O_CREAT | os.O_RDWR, 0o600, None)
    syscall(241, 181, name)


def memory_file() -> None:
    os.memfd_create("memory")


def file_in_shared_memory() -> None:
    path = Path(f"/dev/shm/gifdrop-{os.getpid()}")  # noqa: S108 - the attempt
    path.write_bytes(b"x")
    path.unlink()


def huge_shared_map() -> None:
    mmap.mmap(-1, 3 * 2**30)


def add_key() -> None:
    syscall(248, 217, b"user", b"gifdrop", b"x", 1, -2)


def read_keyring() -> None:
    syscall(250, 219, 0, -3, 0)


def request_key() -> None:
    syscall(249, 218, b"user", b"gifdrop-none", None, 0)


# The network


def _socket(family: int, kind: int) -> None:
    os.close(call(libc.socket(family, kind, 0)))


def internet_socket() -> None:
    _socket(2, 1)


def unix_socket() -> None:
    _socket(1, 1)


def netlink_socket() -> None:
    _socket(16, 3)


def socket_pair() -> None:
    pair = (ctypes.c_int * 2)()
    call(libc.socketpair(1, 1, 0, pair))


# The kernel


def io_uring() -> None:
    syscall(425, 425, 1, ctypes.create_string_buffer(120))


def userfaultfd() -> None:
    syscall(323, 282, 1)


def bpf() -> None:
    syscall(321, 280, 0, ctypes.create_string_buffer(128), 128)


def performance_counter() -> None:
    syscall(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)


def mount() -> None:
    call(libc.mount(b"none", os.fsencode(Path.cwd()), b"tmpfs", ctypes.c_ulong(0), None))


def chroot() -> None:
    os.chroot(".")


def personality() -> None:
    call(libc.personality(ctypes.c_ulong(0x0040000)))


def another_user() -> None:
    os.setuid(65534)


def terminal_input() -> None:
    fcntl.ioctl(0, 0x5412, b"x")  # TIOCSTI


def call_newer_than_the_filter() -> None:
    syscall(452, 452, AT_FDCWD, os.fsencode(victim), 0o777, 0)  # fchmodat2


def x32_call() -> None:
    syscall(0x40000000 + 41, 0, 2, 1, 0)


def i386_call() -> None:
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    call(ctypes.CFUNCTYPE(ctypes.c_int)(address)())


def main(name: str) -> None:
    """Run the program and report."""
    try:
        globals()[name]()
    except OSError as error:
        print("refused", errno.errorcode.get(error.errno or 0, str(error)), file=sys.stderr)
    else:
        print("through", file=sys.stderr)


if __name__ == "__main__":
    victim, pid = Path(sys.argv[2]), int(sys.argv[3])
    main(sys.argv[1])
