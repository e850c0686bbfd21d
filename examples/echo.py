from actors import ConnectInfo, Endpoint, Ok, Opcode, Reply, Socket


class EchoSocket(Socket):
    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok(None)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        return Reply(payload, opcode=opcode)


endpoint = Endpoint()
endpoint.socket("/echo", EchoSocket)
