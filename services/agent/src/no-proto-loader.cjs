// Stands in for @grpc/proto-loader in the bundle: the agent defines its messages itself.
module.exports = {}
