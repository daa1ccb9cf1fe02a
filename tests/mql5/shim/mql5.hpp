// Everything that a preprocessed MQL5 source needs.
#pragma once
#include "array.hpp"
#include "dll.hpp"
#include "format.hpp"
#include "globals.hpp"
#include "market.hpp"
#include "platform.hpp"
#include "sockets.hpp"
#include "text.hpp"
