def check(machine):
    pass
