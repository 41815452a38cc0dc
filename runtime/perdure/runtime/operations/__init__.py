"""Operations: what guests, Python programs and the command line may call.

``declaration`` says what an operation is, ``registry`` holds them, ``service`` guards and runs them.
"""
