"""Certificates for tests: a small authority made with openssl(1), and what it issues, as files that replace each other
in one step."""

import os
import pathlib
import subprocess

KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}


def openssl(*arguments, **keywords):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120, **keywords)


class Authority:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        self.serial = 1
        openssl("req", "-x509", *KEYS["ec"], "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "30",
                "-subj", "/CN=authority of the tests", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, file_name, common_name="mx.test", names=("mx.test",), key="ec", days=60):
        """Writes FILE_NAME.pem and .key, replacing what is there; returns their paths."""
        chain, key_path = self.folder / f"{file_name}.pem", self.folder / f"{file_name}.key"
        request, new_chain, new_key = (self.folder / f"{file_name}.{end}" for end in ("csr", "pem.new", "key.new"))
        extensions = self.folder / f"{file_name}.ext"
        extensions.write_text("basicConstraints=critical,CA:FALSE\n" +
                              "subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        openssl("req", *KEYS[key], "-nodes", "-keyout", new_key, "-out", request, "-subj", f"/CN={common_name}")
        self.serial += 1
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-set_serial", self.serial,
                "-out", new_chain, "-days", days, "-extfile", extensions)
        new_chain.write_bytes(new_chain.read_bytes() + self.certificate.read_bytes())
        os.replace(new_key, key_path)
        os.replace(new_chain, chain)
        return chain, key_path

    def entry(self, file_name, names_shown=None, **keywords):
        """An element of tls.certificates."""
        chain, key = self.issue(file_name, **keywords)
        element = {"chain": str(chain), "key": str(key)}
        if names_shown:
            element["names"] = list(names_shown)
        return element

    def serial_of(self, file_name):
        text = openssl("x509", "-in", self.folder / f"{file_name}.pem", "-noout", "-serial").stdout.decode()
        return text.strip().partition("=")[2].lstrip("0")
