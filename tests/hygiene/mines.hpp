// SPDX-License-Identifier: BSL-1.0
// Names that other people's headers define as macros. Whoever uses one of them gets an error here, whatever the macro
// would have made of it there.
#pragma once

#define DEWPOND_MINE ) a macro of somebody else (

// Qt
#define slots DEWPOND_MINE
#define signals DEWPOND_MINE
#define emit DEWPOND_MINE
#define foreach DEWPOND_MINE
#define forever DEWPOND_MINE
#define Q_OBJECT DEWPOND_MINE
#define Q_SIGNALS DEWPOND_MINE
#define Q_SLOTS DEWPOND_MINE
#define Q_EMIT DEWPOND_MINE

// X11
#define Status DEWPOND_MINE
#define None DEWPOND_MINE
#define Bool DEWPOND_MINE
#define True DEWPOND_MINE
#define False DEWPOND_MINE
#define Success DEWPOND_MINE
#define Always DEWPOND_MINE
#define Above DEWPOND_MINE
#define Below DEWPOND_MINE
#define Complex DEWPOND_MINE
#define Unsorted DEWPOND_MINE
#define CurrentTime DEWPOND_MINE
#define KeyPress DEWPOND_MINE
#define FocusIn DEWPOND_MINE
#define FocusOut DEWPOND_MINE
#define Font DEWPOND_MINE

// glibc, BSD
#define major(device) DEWPOND_MINE
#define minor(device) DEWPOND_MINE
#define makedev(major, minor) DEWPOND_MINE
#define unix DEWPOND_MINE
#define linux DEWPOND_MINE

// Windows
#define min(a, b) DEWPOND_MINE
#define max(a, b) DEWPOND_MINE
#define ERROR DEWPOND_MINE
#define NO_ERROR DEWPOND_MINE
#define IN DEWPOND_MINE
#define OUT DEWPOND_MINE
#define OPTIONAL DEWPOND_MINE
#define CONST DEWPOND_MINE
#define VOID DEWPOND_MINE
#define TRUE DEWPOND_MINE
#define FALSE DEWPOND_MINE
#define BOOL DEWPOND_MINE
#define DELETE DEWPOND_MINE
#define STRICT DEWPOND_MINE
#define ABSOLUTE DEWPOND_MINE
#define RELATIVE DEWPOND_MINE
#define small DEWPOND_MINE
#define near DEWPOND_MINE
#define far DEWPOND_MINE
#define interface DEWPOND_MINE
#define Yield DEWPOND_MINE
#define GetMessage DEWPOND_MINE
#define GetObject DEWPOND_MINE
#define SendMessage DEWPOND_MINE
#define Sleep DEWPOND_MINE
