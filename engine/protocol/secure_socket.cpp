#include "engine/protocol/secure_socket.h"
