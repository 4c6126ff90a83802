"""The rules of the seccomp filter: name -> number on x86-64, on aarch64.

Everything else is allowed: ffmpeg needs memory, threads, and the files that Landlock lets it open.
"""

from dataclasses import dataclass
from typing import Final

Numbers = tuple[int | None, int | None]

# From here on calls are newer than this table, and answered as by a kernel that does not have them.
FIRST_UNKNOWN: Final = 449
# Its flags are in memory, where no filter can read them. Without it the C library uses `clone`.
CLONE3: Final = 435
SELF: Final = -1
"""Stands for the id of the process that installs the filter."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """What an argument must be: 32 of its bits, masked, equal one of `values`."""

    index: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    upper_half: bool = False


# fmt: off
REFUSED: Final[dict[str, Numbers]] = {
    # The network, and processes that listen on a Unix socket.
    "socket": (41, 198), "socketpair": (53, 199),
    # Another process, another program, or leaving the converter's process group, which it kills.
    "fork": (57, None), "vfork": (58, None), "execveat": (322, 281), "setsid": (112, 157), "setpgid": (109, 154),
    # The memory, descriptors and scheduling of other processes.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),
    # Limits are set before this filter.
    "setrlimit": (160, 164),
    # Memory that outlives the process or has no limit: SysV, POSIX message queues, files without a name.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190),
    "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # Keyrings, which all processes of the user share.
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # Attributes of files, which Landlock does not cover.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None), "lchown": (94, None),
    "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    # Names of files: the converter makes the files that ffmpeg writes. Versions 1 and 2 of Landlock allow `truncate`;
    # `fallocate` takes disk space beyond the limit on a file's size.
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None),
    "mknodat": (259, 33), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "unlink": (87, None), "unlinkat": (263, 35),
    "truncate": (76, 45), "fallocate": (285, 47),
    # Files by handle, and what happens to files outside.
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "inotify_init": (253, None),
    "inotify_init1": (294, 26), "inotify_add_watch": (254, 27), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # Namespaces, mounts, identities.
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "open_tree": (428, 428), "move_mount": (429, 429), "mount_setattr": (442, 442), "swapon": (167, 224),
    "swapoff": (168, 225), "quotactl": (179, 60), "quotactl_fd": (443, 443), "setuid": (105, 146),
    "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147),
    "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151), "setfsgid": (123, 152),
    "capset": (126, 91), "personality": (135, 92),
    # The kernel: interfaces with a history of vulnerabilities, and the administrator's.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241), "vmsplice": (278, 75),
    "splice": (275, 76), "tee": (276, 77), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "acct": (163, 89), "syslog": (103, 116), "lookup_dcookie": (212, 18), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "vhangup": (153, 58), "nfsservctl": (180, 42),
}
# fmt: on

_TO_SELF: Final = (Argument(index=0, values=(SELF,)),)
_CLONE_THREAD: Final = 0x00010000
_CLONE_NEW: Final = 0x7E020000  # new namespaces
_FCNTL: Final = (0, 1, 2, 3, 4, 5, 6, 7, 1030)  # descriptors, flags and locks; not the owner who gets signals
# TCGETS (isatty), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; not, say, FS_IOC_RESVSP, which is `fallocate`.
_IOCTL: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL: Final = (15, 16, 0x53564D41)  # set or get a thread's name, name memory; not PR_SET_PDEATHSIG

ALLOWED_WITH: Final[dict[str, tuple[tuple[int, int], tuple[Argument, ...]]]] = {
    # Signals to itself.
    "kill": ((62, 129), _TO_SELF),
    "tkill": ((200, 130), _TO_SELF),
    "tgkill": ((234, 131), _TO_SELF),
    "rt_sigqueueinfo": ((129, 138), _TO_SELF),
    "rt_tgsigqueueinfo": ((297, 240), _TO_SELF),
    # Threads.
    "clone": ((56, 220), (Argument(index=0, mask=_CLONE_THREAD | _CLONE_NEW, values=(_CLONE_THREAD,)),)),
    # Reads its own limits: the pointer to new ones is null.
    "prlimit64": (
        (302, 261),
        (
            Argument(index=0, values=(0, SELF)),
            Argument(index=2, values=(0,)),
            Argument(index=2, values=(0,), upper_half=True),
        ),
    ),
    "fcntl": ((72, 25), (Argument(index=1, values=_FCNTL),)),
    "ioctl": ((16, 29), (Argument(index=1, values=_IOCTL),)),
    "prctl": ((157, 167), (Argument(index=0, values=_PRCTL),)),
}
