// npm's smtp-server that throws mail away: bench/compare starts it. Arguments: the port.
'use strict';

const { SMTPServer } = require('smtp-server');

const server = new SMTPServer({
    name: 'bench.example.com',
    disabledCommands: ['AUTH', 'STARTTLS'],
    authOptional: true,
    disableReverseLookup: true,
    onData(stream, _session, callback) {
        stream.on('data', () => {});
        stream.on('end', () => callback(null));
    },
});
server.on('error', (error) => console.error(error.message));
server.listen(Number(process.argv[2]), '127.0.0.1');
