def state(machine):
    return {}
