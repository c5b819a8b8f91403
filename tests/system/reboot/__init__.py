"""Shares on logical volumes over a real reboot: ``before`` makes them, ``after`` checks what is left.

Between the two the host is rebooted while a client writes. ``./dev integration-host`` runs both.
"""
