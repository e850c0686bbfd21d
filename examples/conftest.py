pytest_plugins = ["actors.testing"]
