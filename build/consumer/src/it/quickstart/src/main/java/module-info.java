module quickstart {
  requires dev.deltavec;
}
