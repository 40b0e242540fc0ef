// The peer of the comparison: libmodbus answering reads of a plain register array
// in a select loop, as in its own bandwidth-server-many-up example. Prints its port.
#include <modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
	modbus_t *ctx = modbus_new_tcp("127.0.0.1", 0);
	modbus_mapping_t *map = modbus_mapping_new(0, 0, 65536, 0);
	if (!ctx || !map) return 1;
	int listener = modbus_tcp_listen(ctx, 128);
	if (listener < 0) {
		fprintf(stderr, "listen: %s\n", modbus_strerror(0));
		return 1;
	}
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	getsockname(listener, (struct sockaddr *)&at, &len);
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	fd_set all;
	FD_ZERO(&all);
	FD_SET(listener, &all);
	int top = listener;
	unsigned char query[MODBUS_TCP_MAX_ADU_LENGTH];
	for (;;) {
		fd_set ready = all;
		if (select(top + 1, &ready, NULL, NULL, NULL) < 0) return 1;
		for (int fd = 0; fd <= top; fd++) {
			if (!FD_ISSET(fd, &ready)) continue;
			if (fd == listener) {
				int client = accept(listener, NULL, NULL);
				if (client < 0 || client >= FD_SETSIZE) continue;
				FD_SET(client, &all);
				if (client > top) top = client;
				continue;
			}
			modbus_set_socket(ctx, fd);
			int n = modbus_receive(ctx, query);
			if (n > 0) {
				modbus_reply(ctx, query, n, map);
			} else if (n < 0) {
				close(fd);
				FD_CLR(fd, &all);
			}
		}
	}
}
