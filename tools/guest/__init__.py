"""A Debian system under QEMU, with a kernel of its own, for tests that need LVM, CIFS, AppArmor or a reboot.

Behind `./dev integration-host`. The system is made once, of Debian's packages (`recipe`, `build`). Each run
boots an overlay of it (`machine`), with the working tree and the images on a shared folder (`payload`). There
`inside` carries out what `plan` says; and `plan` judges what came back.
"""
