//! Commands to a Redis server.

use redis::{Client, Cmd, Connection, FromRedisValue};
use test_servers::RedisServer;

pub(crate) trait Commands {
    fn connect(&self) -> Connection;

    /// Sends a command, whose words are separated by spaces.
    fn command<T: FromRedisValue>(&self, command: &str) -> T;
}

impl Commands for RedisServer {
    fn connect(&self) -> Connection {
        Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn command<T: FromRedisValue>(&self, command: &str) -> T {
        parse(command).query(&mut self.connect()).unwrap()
    }
}

pub(crate) fn parse(command: &str) -> Cmd {
    let mut words = command.split(' ');
    let mut parsed = redis::cmd(words.next().unwrap());
    parsed.arg(words.collect::<Vec<_>>());
    parsed
}
