"""HTTP/1.1 on httptools, strict, with every size and time bounded."""
