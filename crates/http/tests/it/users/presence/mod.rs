mod clear_presence;
mod clear_user_preferred_presence;
mod get_presence;
mod set_presence;
mod set_user_preferred_presence;
