// packet
