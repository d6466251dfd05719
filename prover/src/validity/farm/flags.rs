//! Flags that coordinator and workers have in common: where the farm's servers are, and as whom a program shows itself there.

use std::{ffi::OsStr, path::PathBuf};

use async_nats::ServerAddr;
use clap::{Arg, Command, builder::TypedValueParser, error::ErrorKind};

use super::{
    address::{FarmAddress, FarmLogin, Password},
    error::FarmError,
};

/// As whom a program shows itself to the servers that `--farm` names.
#[derive(Clone, Debug, clap::Args)]
pub struct FarmLoginFlags {
    /// User of the farm's servers as whom this program shows itself, with a password
    #[arg(long, env = "TANDEM_FARM_USER", requires = "farm")]
    pub farm_user: Option<String>,
    /// File with that user's password
    #[arg(long, env = "TANDEM_FARM_PASSWORD_FILE", requires = "farm_user", conflicts_with = "farm_password")]
    pub farm_password_file: Option<PathBuf>,
    /// That user's password (prefer the file, or the environment variable, over the flag)
    #[arg(long, env = "TANDEM_FARM_PASSWORD", hide_env_values = true, requires = "farm_user")]
    pub farm_password: Option<Password>,
    /// File with the certificates (PEM) that those of the farm's servers are signed by; the system's if absent
    #[arg(long, env = "TANDEM_FARM_CA", requires = "farm")]
    pub farm_ca: Option<PathBuf>,
}

impl FarmLoginFlags {
    /// The servers with what is needed to speak to them.
    ///
    /// # Errors
    /// If the user has no password.
    pub fn address(&self, servers: Vec<ServerAddr>) -> Result<FarmAddress, FarmError> {
        let (user, file) = (self.farm_user.as_deref(), self.farm_password_file.as_deref());
        let login = FarmLogin::of(user, file, self.farm_password.as_ref())?;
        Ok(FarmAddress { servers, login, ca: self.farm_ca.clone() })
    }
}

/// A server that is none of a farm's. Says nothing about the text, in which a password may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NoFarmServer {
    /// It is no address.
    #[error("not the address of a server: nats://HOST[:PORT] or tls://HOST[:PORT] is asked for")]
    Address,
    /// User and password stand in it.
    #[error(
        "an address with a user or a password in it: give them with --farm-user and --farm-password-file, or TANDEM_FARM_PASSWORD"
    )]
    Login,
}

fn farm_server(text: &str) -> Result<ServerAddr, NoFarmServer> {
    let server: ServerAddr = text.parse().map_err(|_| NoFarmServer::Address)?;
    // WebSockets are not spoken here.
    let is_known = matches!(server.scheme(), "nats" | "tls") && !server.host().is_empty();
    if server.username().is_some() || server.password().is_some() {
        Err(NoFarmServer::Login)
    } else if is_known {
        Ok(server)
    } else {
        Err(NoFarmServer::Address)
    }
}

/// Reads a farm's server. Not a function, since what a function refuses is shown with its text.
#[derive(Clone, Copy, Debug)]
pub struct FarmServer;

impl TypedValueParser for FarmServer {
    type Value = ServerAddr;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<ServerAddr, clap::Error> {
        let server = value.to_str().ok_or(NoFarmServer::Address).and_then(farm_server);
        server.map_err(|error| {
            clap::Error::raw(ErrorKind::ValueValidation, format_args!("--farm: {error}\n")).with_cmd(command)
        })
    }
}
