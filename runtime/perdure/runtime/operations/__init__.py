"""Operations: what guests may call. ``registry`` holds them, ``service`` guards them, each of the others is one."""
