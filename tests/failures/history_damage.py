"""弄坏 ``build`` 里的东西：一个文件，或者整个文件夹。"""

import os
import shutil
import time


class Damage:
    """在 `folder`/build 里捣乱；挪走的东西放在 `elsewhere`。"""

    def __init__(self, folder, elsewhere):
        self.build, self.elsewhere = folder / "build", elsewhere

    def file(self, where, how, number):
        """弄坏 ``build`` 里的一个文件；`number` 是第几个，或者文件名的末尾。"""
        root = self.build / where
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        if isinstance(number, str):
            files, number = [path for path in files if path.as_posix().endswith(number)], len(number)
        if not files:
            return
        path = files[number % len(files)]
        data = path.read_bytes()
        match how:
            case "truncate":
                path.write_bytes(data[: len(data) // 2])
            case "empty":
                path.write_bytes(b"")
            case "flip" if data:
                place = number * 7919 % len(data)
                path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            case "reword":
                path.write_bytes(data.replace("输出".encode(), "输入".encode()))
            case "delete":
                path.unlink()
            case "old":
                os.utime(path, (time.time() - 864000,) * 2)
            case "folder":
                path.unlink()
                path.mkdir()
            case "link":
                self.move_away(path)

    def folder(self, where, how):
        """``build`` 里的一个文件夹换成链接、文件、空文件夹，或者没有了。"""
        path = self.build / where
        if how == "link":
            self.move_away(path)
            return
        if path.is_symlink() or path.is_file():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if how == "file":
            path.write_text("不是文件夹")
        elif how == "empty":
            path.mkdir()

    def move_away(self, path):
        """挪到别处，原处留一个链接；没有的话，链接到不存在的地方。"""
        self.elsewhere.mkdir(exist_ok=True)
        target = self.elsewhere / f"{len(list(self.elsewhere.iterdir()))}"
        if os.path.lexists(path):
            shutil.move(path, target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
