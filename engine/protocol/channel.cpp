#include "engine/protocol/channel.h"
