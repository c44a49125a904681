mod get_presences_by_user_id;
mod list_presences;
mod live;
