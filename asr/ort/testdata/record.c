// Preloaded into a process, this records each name that is looked up and each address
// that is connected to, one a line, in the file that RECORD names.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void record(const char *what, const char *name) {
	FILE *f = fopen(getenv("RECORD"), "a");
	if (f) {
		fprintf(f, "%s %s\n", what, name ? name : "?");
		fclose(f);
	}
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
	record("getaddrinfo", node);
	return EAI_NONAME;
}

struct hostent *gethostbyname(const char *name) {
	record("gethostbyname", name);
	return NULL;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
	if (address->sa_family == AF_INET || address->sa_family == AF_INET6)
		record("connect", "");
	int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
	return next(fd, address, length);
}
